namespace Pannus.Symbols;

/// <summary>Where else than in the target's own files to look for symbols.</summary>
public sealed record ResolverOptions
{
    /// <summary>Path of a GNU ld map file of the program; null for none.</summary>
    public string? MapFile { get; init; }
    /// <summary>Path of an ELF file with the program's symbol table; null for none.</summary>
    public string? SymbolFile { get; init; }
    /// <summary>Map files of other modules.</summary>
    public IReadOnlyList<ModuleFile> MapFiles { get; init; } = [];
    /// <summary>ELF files with the symbol tables of other modules.</summary>
    public IReadOnlyList<ModuleFile> SymbolFiles { get; init; } = [];
}

/// <summary>A file that tells the symbols of a module.</summary>
/// <param name="Module">The module as a qualified name has it before <c>!</c>.</param>
/// <param name="Path">Path of the file.</param>
public sealed record ModuleFile(string Module, string Path);
