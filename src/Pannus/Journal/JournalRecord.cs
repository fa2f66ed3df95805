using Pannus.Images;
using Pannus.Linux;
using Pannus.Targets;

namespace Pannus.Journal;

/// <summary>How far a patch has come. The numbers are part of the format.</summary>
internal enum JournalState : byte
{
    /// <summary>Nothing is recorded yet, and so nothing leads into the patch.</summary>
    None = 0,
    /// <summary>Mapped by Mount-PatchModule; what leads into it is not ours to know.</summary>
    Mounted = 1,
    /// <summary>Some of the writes may be done.</summary>
    Applying = 2,
    /// <summary>All of the writes are done.</summary>
    Applied = 3,
    /// <summary>Some of the writes may be taken back.</summary>
    Undoing = 4,
    /// <summary>All of the writes are taken back; the memory is kept because something may still come back to it.</summary>
    Retained = 5,
}

/// <summary>A module that a patch writes to.</summary>
/// <param name="Name">Its name.</param>
/// <param name="BuildId">Its build id, lower-case hex; empty when it has none.</param>
/// <param name="LoadBias">Its load bias.</param>
internal sealed record JournalModule(string Name, string BuildId, ulong LoadBias);

/// <summary>What a target's memory says of one patch. It comes from the target: nothing in it is to be trusted unchecked.</summary>
internal sealed record JournalRecord
{
    /// <summary>Order of stacking: of two patches of the same bytes the one with the higher number lies on top.</summary>
    public required ulong Sequence { get; init; }
    /// <summary>Id of the patch; empty for one that is only mounted.</summary>
    public required string LivePatchId { get; init; }
    /// <summary>The patch's own name, else its file name.</summary>
    public required string Patch { get; init; }
    /// <summary>Full path of the patch file on the host that applied it.</summary>
    public required string Path { get; init; }
    /// <summary>SHA-256 of the patch file, lower-case hex.</summary>
    public required string Sha256 { get; init; }
    /// <summary>Build id of the target's program, lower-case hex; empty when it has none.</summary>
    public required string BuildId { get; init; }
    /// <summary>When it was applied, UTC.</summary>
    public required DateTime AppliedAt { get; init; }
    /// <summary>Who applied it: user, program and process id.</summary>
    public required string By { get; init; }
    /// <summary>Ids or names of patches that must be there as long as this one is.</summary>
    public IReadOnlyList<string> Requires { get; init; } = [];
    /// <summary>Ids or names of patches whose place this one took.</summary>
    public IReadOnlyList<string> Replaces { get; init; } = [];
    /// <summary>The modules that it writes to.</summary>
    public IReadOnlyList<JournalModule> Modules { get; init; } = [];
    /// <summary>The writes, with what each of them covers (<see cref="PlannedWrite.Old"/>).</summary>
    public IReadOnlyList<PlannedWrite> Writes { get; init; } = [];

    /// <summary>A record of a patch that this process puts into a target now.</summary>
    public static JournalRecord Begin(TargetProcess target, PatchFile patch, ulong sequence, string livePatchId, string name) => new()
    {
        Sequence = sequence,
        LivePatchId = livePatchId,
        Patch = name,
        Path = patch.Path,
        Sha256 = patch.Sha256,
        BuildId = target.Executable.BuildId,
        AppliedAt = DateTime.UtcNow,
        By = Caller.Describe(),
    };

    /// <summary>Whether <paramref name="idOrName"/> of a command file or a command line means this patch.</summary>
    public bool IsCalled(string idOrName) => LivePatchId.Length > 0
        && (LivePatchId.Equals(idOrName, StringComparison.OrdinalIgnoreCase) || Patch == idOrName);

    /// <summary>How messages name it: <c>name (id)</c>.</summary>
    public string DisplayName => $"{Patch} ({LivePatchId})";
}
