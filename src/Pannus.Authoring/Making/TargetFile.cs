using Pannus.Elf;

namespace Pannus.Authoring.Making;

/// <summary>A file that a target runs: its program or a library.</summary>
/// <param name="Path">Where it can be read.</param>
/// <param name="Name">What people call it.</param>
public sealed record TargetFile(string Path, string Name)
{
    /// <summary>A separate file with its symbols; null when there is none.</summary>
    public string? SymbolPath { get; init; }

    /// <summary>Whether its own symbols are there.</summary>
    internal bool HasSymbols
    {
        get
        {
            if (SymbolPath is not null) return true;
            using ElfImage image = ElfImage.OpenFile(Path, Name);
            return image.HasSymbolTable;
        }
    }
}
