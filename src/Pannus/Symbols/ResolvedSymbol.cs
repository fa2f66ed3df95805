
namespace Pannus.Symbols;

/// <summary>Where a symbol's address was found.</summary>
public enum SymbolSource
{
    /// <summary>A GNU ld map file.</summary>
    MapFile,
    /// <summary>The module's own <c>.symtab</c>.</summary>
    SymbolTable,
    /// <summary>The module's <c>.dynsym</c>.</summary>
    DynamicSymbolTable,
    /// <summary>The <c>.symtab</c> of a separate debug file.</summary>
    DebugFile,
    /// <summary>The file of a patch that is mapped.</summary>
    PatchFile,
    /// <summary>An address of a module, with the size that its unwind tables tell.</summary>
    UnwindTable,
}

/// <summary>Kind of symbol: STT_* of the gABI and of GNU.</summary>
public enum SymbolType
{
    /// <summary>STT_NOTYPE; also what a map file can tell.</summary>
    None = 0,
    /// <summary>STT_OBJECT: a variable.</summary>
    Object = 1,
    /// <summary>STT_FUNC.</summary>
    Function = 2,
    /// <summary>STT_TLS: an offset into the module's thread-local storage, not an address.</summary>
    ThreadLocal = 6,
    /// <summary>STT_GNU_IFUNC: the address is that of a resolver function.</summary>
    IndirectFunction = 10,
}

/// <summary>A symbol of a target, with its address in the target's memory. Flat, so that it survives remoting.</summary>
public sealed record ResolvedSymbol
{
    /// <summary>Process id of the target.</summary>
    public required int Id { get; init; }
    /// <summary>Name without version.</summary>
    public required string Name { get; init; }
    /// <summary>Address in the target; for <see cref="SymbolType.ThreadLocal"/> the offset in the module's TLS block.</summary>
    public required ulong Address { get; init; }
    /// <summary>Size in bytes; 0 when the source does not tell.</summary>
    public required ulong Size { get; init; }
    /// <summary>Kind of symbol.</summary>
    public required SymbolType Type { get; init; }
    /// <summary>Whether it is local to its source file (STB_LOCAL).</summary>
    public required bool IsLocal { get; init; }
    /// <summary>Name of the module that defines it.</summary>
    public required string Module { get; init; }
    /// <summary>Symbol version (<c>GLIBC_2.14</c>); empty when there is none.</summary>
    public string Version { get; init; } = "";
    /// <summary>Whether a reference without a version means this one.</summary>
    public bool IsDefaultVersion { get; init; } = true;
    /// <summary>Source file of a local symbol, from STT_FILE; empty when not known.</summary>
    public string File { get; init; } = "";
    /// <summary>Where it was found.</summary>
    public required SymbolSource Source { get; init; }
    /// <summary>Start time of the process in clock ticks after boot: with <see cref="Id"/> it names one process for ever.</summary>
    public required ulong StartTicks { get; init; }
}
