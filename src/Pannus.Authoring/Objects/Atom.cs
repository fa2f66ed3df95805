using Pannus.Elf;

namespace Pannus.Authoring.Objects;

/// <summary>What an atom holds.</summary>
internal enum AtomKind
{
    /// <summary>Instructions.</summary>
    Code,
    /// <summary>Data that the program never writes; <c>.data.rel.ro</c> is, once relocated.</summary>
    Constant,
    /// <summary>Data that the program may write.</summary>
    Data,
    /// <summary>A thread-local variable.</summary>
    ThreadLocal,
    /// <summary>
    /// A list that the loader or the linker gathers: constructors, or a section with a name of its own.
    /// </summary>
    Gathered,
}

/// <summary>
/// The smallest piece of an object that stays whole: a function, a variable, or a constant without a name. With
/// <c>-ffunction-sections -fdata-sections</c> nearly every one has a section of its own.
/// </summary>
internal sealed class Atom(BuildObject owner, SectionHeader? section, AtomKind kind, ulong start, ulong size)
{
    private IReadOnlyList<Reference>? _references;

    /// <summary>The object that it is of.</summary>
    public BuildObject Object => owner;

    /// <summary>Its section; null for a common symbol.</summary>
    public SectionHeader? Section => section;

    public AtomKind Kind => kind;

    /// <summary>Offset in the section.</summary>
    public ulong Start => start;

    public ulong Size => size;

    /// <summary>Its symbols, the one that names it first; empty for what has no name.</summary>
    public IReadOnlyList<ObjectSymbol> Symbols { get; init; } = [];

    /// <summary>Name of its first symbol; empty for what has none.</summary>
    public string Name => Symbols.Count > 0 ? Symbols[0].Name : "";

    /// <summary>Whether other objects can refer to it.</summary>
    public bool IsGlobal => Symbols.Count > 0 && Symbols.Any(s => !s.IsLocal);

    /// <summary>Whether it is a string that the linker merges with equal ones.</summary>
    public bool IsMerged => section is not null && section.Flags.HasFlag(SectionFlags.Merge) && Symbols.Count == 0;

    /// <summary>Alignment that it needs, in bytes.</summary>
    public ulong Alignment { get; init; } = 1;

    /// <summary>Its exception table; null for none.</summary>
    public Atom? ExceptionTable { get; set; }

    /// <summary>What it refers to, in the order of the places.</summary>
    public IReadOnlyList<Reference> References => _references ??= owner.ReferencesOf(this);

    /// <summary>Its bytes; empty where all are zero.</summary>
    public ReadOnlySpan<byte> Bytes => section is null || section.Type == SectionType.NoBits
        ? [] : owner.Elf.SectionData(section).Slice((int)start, (int)size);

    public override string ToString() => Name.Length > 0 ? Name : $"{section?.Name}+0x{start:x}";
}

/// <summary>A symbol of an object, with its name.</summary>
/// <param name="Index">Index in the symbol table.</param>
/// <param name="Name">Its name.</param>
/// <param name="Symbol">The rest.</param>
internal sealed record ObjectSymbol(int Index, string Name, ElfSymbol Symbol)
{
    public bool IsLocal => Symbol.IsLocal;

    /// <summary>Whether the compiler made it for itself.</summary>
    public bool IsTemporary => Name.Length == 0 || Name.StartsWith(".L", StringComparison.Ordinal);
}

/// <summary>A place of an atom that a linker fills in.</summary>
/// <param name="Offset">Where, from the start of the atom that refers.</param>
/// <param name="Type">R_* of the machine.</param>
/// <param name="Target">The atom referred to; null when the object does not define it.</param>
/// <param name="Symbol">Name of what is referred to; empty for an atom without a name.</param>
/// <param name="Delta">The byte meant, from the start of the target: what the code reads or calls, whatever the
/// encoding.</param>
/// <param name="Addend">The addend from the start of the target, as a linker wants it.</param>
/// <param name="IsBranch">Whether it is the operand of a call or a jump.</param>
/// <param name="IsWeak">Whether what is not defined here may be missing.</param>
internal readonly record struct Reference(
    ulong Offset, uint Type, Atom? Target, string Symbol, long Delta, long Addend, bool IsBranch, bool IsWeak);
