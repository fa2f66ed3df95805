namespace Pannus.Backends;

/// <summary>What a backend offers on this host. Flat, so that it survives remoting.</summary>
public sealed record BackendInfo
{
    /// <summary>Which backend.</summary>
    public required BackendKind Backend { get; init; }
    /// <summary>Whether it can be used at all.</summary>
    public required bool IsAvailable { get; init; }
    /// <summary>Whether <c>Auto</c> picks it.</summary>
    public required bool IsDefault { get; init; }
    /// <summary>Whose processes it can patch: <c>all</c>, or <c>own</c>.</summary>
    public required string Scope { get; init; }
    /// <summary>Whether it can patch targets that run under seccomp.</summary>
    public required bool CanSuspendSeccomp { get; init; }
    /// <summary>What it has found: kernel release, ABI version, permissions.</summary>
    public required string Detail { get; init; }
    /// <summary>What is missing for more, and how to get it; empty when nothing is.</summary>
    public required string Missing { get; init; }
}
