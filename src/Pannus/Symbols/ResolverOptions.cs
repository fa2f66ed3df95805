namespace Pannus.Symbols;

/// <summary>Where else than in the target's own files to look for symbols.</summary>
public sealed record ResolverOptions
{
    /// <summary>Path of a GNU ld map file of the program; null for none.</summary>
    public string? MapFile { get; init; }
    /// <summary>Path of an ELF file with the program's symbol table; null for none.</summary>
    public string? SymbolFile { get; init; }
}
