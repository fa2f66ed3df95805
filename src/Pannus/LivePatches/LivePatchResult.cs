using Pannus.Backends;

namespace Pannus.LivePatches;

/// <summary>What came of a live patch.</summary>
public enum LivePatchStatus
{
    /// <summary>All of it is in force.</summary>
    Applied,
    /// <summary>All of it was in force already; nothing was touched.</summary>
    AlreadyApplied,
    /// <summary>It could be applied; nothing was touched.</summary>
    Planned,
}

/// <summary>Outcome of a live patch on one target. Flat and scalar, so that it survives remoting.</summary>
public sealed record LivePatchResult
{
    /// <summary>Process id of the target.</summary>
    public required int Id { get; init; }
    /// <summary>Name of the target.</summary>
    public required string Name { get; init; }
    /// <summary>Id of the patch: the same file with the same commands has the same one everywhere.</summary>
    public required string LivePatchId { get; init; }
    /// <summary>The patch's own name, else its file name.</summary>
    public required string Patch { get; init; }
    /// <summary>Outcome.</summary>
    public required LivePatchStatus Status { get; init; }
    /// <summary>Number of Type J commands.</summary>
    public required int Jumps { get; init; }
    /// <summary>Number of Type V commands.</summary>
    public required int Variables { get; init; }
    /// <summary>Number of Type P commands.</summary>
    public required int Pointers { get; init; }
    /// <summary>How long one thread was taken to map the patch.</summary>
    public required TimeSpan LoadPause { get; init; }
    /// <summary>The same in microseconds, to be added up and compared.</summary>
    public double LoadPauseMicroseconds => LoadPause.TotalMicroseconds;
    /// <summary>How long the threads that were running were held to write it, in the stop that did; all of them when none ran.</summary>
    public required TimeSpan Pause { get; init; }
    /// <summary>The same in microseconds, to be added up and compared.</summary>
    public double PauseMicroseconds => Pause.TotalMicroseconds;
    /// <summary>Number of stops until nobody stood on the code.</summary>
    public required int Attempts { get; init; }
    /// <summary>Backend that did it.</summary>
    public required BackendKind Backend { get; init; }
    /// <summary>
    /// <c>whole</c> when all code that was made of the functions is replaced; else what stays old, or is not known, of which of
    /// them. Empty for a patch that was in force.
    /// </summary>
    public string Coverage { get; init; } = "";
    /// <summary>Whether code of the functions is known to stay old, or other functions change with them.</summary>
    public bool IsPartial { get; init; }
    /// <summary>One line for people.</summary>
    public required string Message { get; init; }
}
