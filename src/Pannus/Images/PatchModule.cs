namespace Pannus.Images;

/// <summary>A patch file that is mapped into a target. Flat and scalar, so that it survives remoting.</summary>
public sealed record PatchModule
{
    /// <summary>Process id of the target.</summary>
    public required int Id { get; init; }
    /// <summary>Name that its mappings bear in /proc/PID/maps, after <c>/memfd:</c>.</summary>
    public required string Name { get; init; }
    /// <summary>Full path of the patch file on this host.</summary>
    public required string Path { get; init; }
    /// <summary>SHA-256 of the patch file, lower-case hex.</summary>
    public required string Sha256 { get; init; }
    /// <summary>Address that the patch file's address 0 has in the target (its load bias).</summary>
    public required ulong Address { get; init; }
    /// <summary>Size in bytes, from the first page to the last.</summary>
    public required ulong Size { get; init; }
    /// <summary>How long one thread of the target was taken to map it.</summary>
    public required TimeSpan LoadPause { get; init; }
    /// <summary>The same in microseconds, to be added up and compared.</summary>
    public double LoadPauseMicroseconds => LoadPause.TotalMicroseconds;
    /// <summary>Start time of the target in clock ticks after boot.</summary>
    public required ulong StartTicks { get; init; }
}
