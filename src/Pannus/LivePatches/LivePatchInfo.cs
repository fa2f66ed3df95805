
namespace Pannus.LivePatches;

/// <summary>What state an applied patch is in.</summary>
public enum LivePatchState
{
    /// <summary>All of it is in force.</summary>
    Applied,
    /// <summary>A patcher is applying it right now.</summary>
    Applying,
    /// <summary>A patcher is taking it back right now.</summary>
    Undoing,
    /// <summary>
    /// A patcher died while it applied it or took it back. Applying the same patch again finishes it, undoing takes it back.
    /// </summary>
    Interrupted,
    /// <summary>It is taken back, and its memory is kept because something in the target may still come back to it.</summary>
    Retained,
    /// <summary>Its record is not what a Pannus of this version wrote; nothing in it is trusted.</summary>
    Damaged,
}

/// <summary>A patch that is applied to a process. Flat and scalar, so that it survives remoting.</summary>
public sealed record LivePatchInfo
{
    /// <summary>Process id of the target.</summary>
    public required int Id { get; init; }
    /// <summary>Name of the target.</summary>
    public required string Name { get; init; }
    /// <summary>Id of the patch: the same file with the same commands has the same one everywhere; empty when not known.</summary>
    public required string LivePatchId { get; init; }
    /// <summary>The patch's own name, else its file name.</summary>
    public required string Patch { get; init; }
    /// <summary>What state it is in.</summary>
    public required LivePatchState State { get; init; }
    /// <summary>When it was applied, local time; null when not known.</summary>
    public required DateTime? AppliedAt { get; init; }
    /// <summary>Number of Type J writes.</summary>
    public required int Jumps { get; init; }
    /// <summary>Number of Type V writes.</summary>
    public required int Variables { get; init; }
    /// <summary>Number of Type P writes.</summary>
    public required int Pointers { get; init; }
    /// <summary>Full path of the patch file on the host that applied it.</summary>
    public required string Path { get; init; }
    /// <summary>SHA-256 of the patch file, lower-case hex.</summary>
    public required string Sha256 { get; init; }
    /// <summary>Build id of the target's program when it was applied, lower-case hex.</summary>
    public required string BuildId { get; init; }
    /// <summary>Who applied it: user, program and process id.</summary>
    public required string By { get; init; }
    /// <summary>Whether memory holds what the record says, every byte of it; null when that was not asked for.</summary>
    public bool? IsVerified { get; init; }
    /// <summary>
    /// Number of threads that still run what the patch replaced, or will return into it; null when that was not asked for.
    /// </summary>
    public int? ThreadsInOldCode { get; init; }
    /// <summary>Lowest address of its memory in the target.</summary>
    public required ulong Address { get; init; }
    /// <summary>What is wrong and what to do about it; empty when nothing is.</summary>
    public required string Message { get; init; }
    /// <summary>Start time of the target in clock ticks after boot.</summary>
    public required ulong StartTicks { get; init; }
}
