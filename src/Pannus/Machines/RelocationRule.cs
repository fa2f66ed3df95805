namespace Pannus.Machines;

/// <summary>
/// What a relocation puts into its place, in the letters of the psABIs: S is the symbol's address, A the addend, P the
/// place, B the load bias, GOT the patch's own global offset table.
/// </summary>
internal enum RelocationKind
{
    /// <summary>One that Pannus does not know how to do.</summary>
    Unsupported = 0,
    /// <summary>Nothing.</summary>
    None,
    /// <summary>B + A.</summary>
    Relative,
    /// <summary>S.</summary>
    Symbol,
    /// <summary>S + A.</summary>
    Absolute,
    /// <summary>S + A - P.</summary>
    PcRelative,
    /// <summary>S + A - GOT.</summary>
    GotRelative,
    /// <summary>GOT + A - P.</summary>
    GotPcRelative,
    /// <summary>The size of the symbol, + A.</summary>
    Size,
    /// <summary>What the function at B + A returns.</summary>
    Indirect,
    /// <summary>The id of the module that has a thread-local variable.</summary>
    TlsModule,
    /// <summary>The variable's offset in its module's block, + A.</summary>
    TlsOffset,
    /// <summary>The variable's offset from the thread pointer, + A.</summary>
    ThreadOffset,
    /// <summary>The same with the other sign: what is subtracted from the thread pointer.</summary>
    NegatedThreadOffset,
    /// <summary>A program's copy of a library's variable: no patch has that.</summary>
    Copy,
    /// <summary>A descriptor of a thread-local variable, which only the dynamic linker of the target can fill in.</summary>
    TlsDescriptor,
}

/// <summary>Room that a reference of an object needs, and that a linker would have made: the place then refers to that.</summary>
internal enum RelocationSlot
{
    /// <summary>None: it refers to the symbol itself.</summary>
    None = 0,
    /// <summary>A word with the symbol's address.</summary>
    Got,
    /// <summary>A word with the variable's offset from the thread pointer.</summary>
    ThreadOffset,
    /// <summary>A word with that offset with the other sign.</summary>
    NegatedThreadOffset,
    /// <summary>Two words, module id and offset, for <c>__tls_get_addr</c>.</summary>
    TlsPair,
    /// <summary>Two words, module id and 0: the code itself adds the offsets of variables, which all have to be in one module.</summary>
    TlsModule,
    /// <summary>An entry of the PLT, if the symbol is not the patch's own.</summary>
    Plt,
}

/// <summary>How to do one type of relocation.</summary>
/// <param name="Kind">What to put there.</param>
/// <param name="Width">Bytes of the place.</param>
/// <param name="IsSigned">Whether the place is sign-extended, or a difference: what has to fit.</param>
/// <param name="Slot">What it refers to instead of the symbol.</param>
internal readonly record struct RelocationRule(
    RelocationKind Kind, int Width, bool IsSigned = false, RelocationSlot Slot = RelocationSlot.None)
{
    /// <summary>Whether its symbol has to be thread-local.</summary>
    public bool IsThreadLocal => Kind is RelocationKind.TlsModule or RelocationKind.TlsOffset or RelocationKind.ThreadOffset
        or RelocationKind.NegatedThreadOffset;
}
