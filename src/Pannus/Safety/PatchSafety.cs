namespace Pannus.Safety;

/// <summary>Whether code may be overwritten now. Flat, so that it survives remoting.</summary>
public sealed record PatchSafety
{
    /// <summary>Process id of the target.</summary>
    public required int Id { get; init; }
    /// <summary>Name of the target.</summary>
    public required string Name { get; init; }
    /// <summary>Whether no thread is inside.</summary>
    public bool IsSafe => FoundBy == FoundBy.Nothing;
    /// <summary>How the frame inside was found.</summary>
    public FoundBy FoundBy { get; init; }
    /// <summary>Number of threads looked at.</summary>
    public required int Threads { get; init; }
    /// <summary>A thread that is inside; 0 when none is, and for a stack that is no thread's.</summary>
    public int ThreadId { get; init; }
    /// <summary>Where that thread will go on; 0 when none is.</summary>
    public ulong ProgramCounter { get; init; }
    /// <summary>The function it is in; empty when none is.</summary>
    public string Symbol { get; init; } = "";
    /// <summary>Frames of that thread, innermost first, the one inside marked.</summary>
    public string[] Backtrace { get; init; } = [];
}
