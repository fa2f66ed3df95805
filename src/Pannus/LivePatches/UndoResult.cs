using Pannus.Applying;

namespace Pannus.LivePatches;

/// <summary>What came of taking a patch back.</summary>
public enum UndoStatus
{
    /// <summary>It is taken back, and its memory is unmapped.</summary>
    Undone,
    /// <summary>It is taken back; its memory is kept because something in the target may still come back to it.</summary>
    Retained,
    /// <summary>It could be taken back; nothing was touched.</summary>
    Planned,
}

/// <summary>How a patch is taken back.</summary>
public sealed record UndoOptions
{
    /// <summary>How to stop the target.</summary>
    public WriteOptions Write { get; init; } = new();
    /// <summary>
    /// Overwrites also what no longer holds what the patch wrote, and takes back a patch that another one requires.
    /// </summary>
    public bool Force { get; init; }
}

/// <summary>Outcome of taking one patch back. Flat and scalar, so that it survives remoting.</summary>
public sealed record UndoResult
{
    /// <summary>Process id of the target.</summary>
    public required int Id { get; init; }
    /// <summary>Name of the target.</summary>
    public required string Name { get; init; }
    /// <summary>Id of the patch.</summary>
    public required string LivePatchId { get; init; }
    /// <summary>The patch's own name, else its file name.</summary>
    public required string Patch { get; init; }
    /// <summary>Outcome.</summary>
    public required UndoStatus Status { get; init; }
    /// <summary>Number of writes that were, or would be, made; 0 when all is covered by later patches.</summary>
    public required int Writes { get; init; }
    /// <summary>How long the threads that were running were held to write; all of them when none ran.</summary>
    public required TimeSpan Pause { get; init; }
    /// <summary>The same in microseconds, to be added up and compared.</summary>
    public double PauseMicroseconds => Pause.TotalMicroseconds;
    /// <summary>Number of stops until nobody was inside the patch.</summary>
    public required int Attempts { get; init; }
    /// <summary>One line for people.</summary>
    public required string Message { get; init; }
}
