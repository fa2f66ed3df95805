namespace Pannus.Authoring.Making;

/// <summary>What holds for every way to make a patch.</summary>
internal sealed record MakeOptions
{
    /// <summary>Path of the patch.</summary>
    public required string OutFile { get; init; }
    /// <summary>The patch's name; empty makes one of the file's.</summary>
    public string Name { get; init; } = "";
    /// <summary>Ids or names of patches that a target must have.</summary>
    public IReadOnlyList<string> Requires { get; init; } = [];
    /// <summary>Functions that must not be active though they are not replaced.</summary>
    public IReadOnlyList<string> NotActive { get; init; } = [];
    /// <summary>Further lines of a command file.</summary>
    public IReadOnlyList<string> Commands { get; init; } = [];
    /// <summary>What the patch tells of itself besides.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>The path for one of several binaries: its name comes before the extension.</summary>
    public string OutFileFor(string binary, bool isOnly)
    {
        if (isOnly) return OutFile;
        string name = $"{Path.GetFileNameWithoutExtension(OutFile)}.{Path.GetFileName(binary)}{Path.GetExtension(OutFile)}";
        return Path.Combine(Path.GetDirectoryName(OutFile) ?? "", name);
    }
}
