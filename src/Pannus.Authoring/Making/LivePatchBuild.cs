namespace Pannus.Authoring.Making;

/// <summary>What came of making a patch for one program or library: flat, so that it survives remoting.</summary>
public sealed record LivePatchBuild
{
    /// <summary>The program or library, as the build calls it.</summary>
    public required string Binary { get; init; }
    /// <summary>Build id of the file that the target runs, lower-case hex; empty when it has none.</summary>
    public required string BuildId { get; init; }
    /// <summary>Path of the patch; empty when there is none.</summary>
    public string Path { get; init; } = "";
    /// <summary>Whether a patch was made.</summary>
    public required PatchVerdict Verdict { get; init; }
    /// <summary>The verdict in a sentence.</summary>
    public required string Reason { get; init; }
    /// <summary>Functions of the target that are replaced.</summary>
    public IReadOnlyList<PatchedFunction> Functions { get; init; } = [];
    /// <summary>Functions that only the fixed build has.</summary>
    public IReadOnlyList<PatchedFunction> NewFunctions { get; init; } = [];
    /// <summary>All that was found, refusals first.</summary>
    public IReadOnlyList<PatchFinding> Findings { get; init; } = [];
    /// <summary>How long the builds took; zero when nothing was built.</summary>
    public TimeSpan BuildTime { get; init; }
    /// <summary>How long all of it took, the builds among it.</summary>
    public TimeSpan Duration { get; init; }

    /// <summary>The patch, which is written when the user agrees.</summary>
    internal byte[]? Content { get; init; }
}
