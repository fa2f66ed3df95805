namespace Pannus.Authoring;

/// <summary>What came of two builds.</summary>
public enum PatchVerdict
{
    /// <summary>A patch was made.</summary>
    Made,
    /// <summary>Nothing in the binary differs that a program can notice.</summary>
    Unchanged,
    /// <summary>There is no patch; the findings say why.</summary>
    Refused,
}

/// <summary>A function of a patch.</summary>
/// <param name="Name">Symbol, as the object has it.</param>
/// <param name="Object">Name of the object.</param>
/// <param name="Reason">Why it is in the patch: <c>changed</c>, <c>inlines X</c>, <c>new</c>, <c>uses X, a constant
/// that changed</c>.</param>
/// <param name="SizeBefore">Bytes of its code before; 0 for a new one.</param>
/// <param name="SizeAfter">Bytes of its code after.</param>
/// <param name="Callers">Names of the functions that refer to it, in the order of the names.</param>
public sealed record PatchedFunction(
    string Name, string Object, string Reason, long SizeBefore, long SizeAfter, IReadOnlyList<string> Callers)
{
    /// <summary>Path of the object that the new code is from.</summary>
    public string ObjectPath { get; init; } = "";

    /// <summary>Path of the object that had the old code; empty for a new function.</summary>
    public string OriginalObjectPath { get; init; } = "";
}

/// <summary>What came of two builds, with all that was found.</summary>
public sealed record PatchBuildResult
{
    /// <summary>Whether there is a patch.</summary>
    public required PatchVerdict Verdict { get; init; }

    /// <summary>The verdict in a sentence.</summary>
    public required string Reason { get; init; }

    /// <summary>Build id of the target file, lower-case hex; empty when it has none.</summary>
    public required string BuildId { get; init; }

    /// <summary>Functions of the target that are replaced, in the order of objects and names.</summary>
    public required IReadOnlyList<PatchedFunction> Functions { get; init; }

    /// <summary>Functions that only the fixed build has.</summary>
    public required IReadOnlyList<PatchedFunction> NewFunctions { get; init; }

    /// <summary>All findings, refusals first.</summary>
    public required IReadOnlyList<PatchFinding> Findings { get; init; }

    /// <summary>The commands that the patch holds; empty when there is none.</summary>
    public string Commands { get; init; } = "";

    /// <summary>The patch, an ELF object; null when there is none.</summary>
    public byte[]? Patch { get; init; }
}
