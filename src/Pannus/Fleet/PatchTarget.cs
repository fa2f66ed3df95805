using Pannus.Backends;

namespace Pannus.Fleet;

/// <summary>A process as a target of patches. Flat and scalar, so that it survives remoting.</summary>
public sealed record PatchTarget
{
    /// <summary>Process id in this pid namespace.</summary>
    public required int Id { get; init; }
    /// <summary>Command name as the kernel keeps it (at most 15 bytes).</summary>
    public required string Name { get; init; }
    /// <summary>Path of the program in the target's mount namespace; empty when it may not be read.</summary>
    public required string Path { get; init; }
    /// <summary>NT_GNU_BUILD_ID of the program in lower-case hex; empty when it has none or may not be read.</summary>
    public required string BuildId { get; init; }
    /// <summary>Architecture of the program: X64, X86, or the number of another ELF machine.</summary>
    public required string Architecture { get; init; }
    /// <summary>Number of threads.</summary>
    public required int Threads { get; init; }
    /// <summary>The backend that would be used.</summary>
    public required BackendKind Backend { get; init; }
    /// <summary>Number of patches that are applied to it.</summary>
    public required int LivePatches { get; init; }
    /// <summary>Whether this user can patch it on this host.</summary>
    public required bool CanPatch { get; init; }
    /// <summary>If it cannot be patched, why, and what would make it possible; else empty.</summary>
    public required string Reason { get; init; }
    /// <summary>
    /// The process whose family it was found in, by Get-PatchTarget -Family: a patch or its undo then goes on to new members of
    /// that. 0 for one that was found by itself.
    /// </summary>
    public int FamilyId { get; init; }
    /// <summary>When the process started.</summary>
    public required DateTime StartTime { get; init; }
    /// <summary>Start time in clock ticks after boot: with <see cref="Id"/> it names one process for ever.</summary>
    public required ulong StartTicks { get; init; }
}
