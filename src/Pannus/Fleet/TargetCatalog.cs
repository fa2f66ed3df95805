using System.Globalization;
using Pannus.Backends;
using Pannus.Core;
using Pannus.Elf;
using Pannus.Linux;
using Pannus.LivePatches;
using Pannus.Machines;
using Pannus.Targets;

namespace Pannus.Fleet;

/// <summary>The processes of this host as targets. Looks only at /proc; touches nothing.</summary>
public static class TargetCatalog
{
    // include/asm-generic/param.h: USER_HZ, in which proc(5) counts, is 100 on every architecture that Linux has kept.
    private const long TicksPerSecond = 100;

    /// <summary>One process. Error: <see cref="PatchErrorId.TargetNotFound"/>.</summary>
    public static PatchTarget Get(int id)
    {
        if (id > 0 && ProcessStatus.TryRead(id) is { } status)
        {
            if (TargetAccess.WhyNotATarget(id, status) is { Id: PatchErrorId.TargetNotFound } refusal) throw refusal;
            if (TryRead(id, status) is { } target) return target;
        }
        throw new PatchException(PatchErrorId.TargetNotFound, $"There is no process {id}.");
    }

    /// <summary>One process; null when it is not there, or no target.</summary>
    public static PatchTarget? TryGet(int id) => id > 0 && id != Environment.ProcessId && ProcessStatus.TryRead(id) is { } status
        && TargetAccess.WhyNotATarget(id, status) is null ? TryRead(id, status) : null;

    /// <summary>All processes but kernel threads and the caller itself, by id.</summary>
    public static IEnumerable<PatchTarget> GetAll(CancellationToken cancellation = default)
    {
        foreach (int id in ProcFile.ProcessIds().Order())
        {
            if (cancellation.IsCancellationRequested) yield break;
            if (id == Environment.ProcessId || ProcessStatus.TryRead(id) is not { } status) continue;
            if (TargetAccess.WhyNotATarget(id, status) is null && TryRead(id, status) is { } target) yield return target;
        }
    }

    private static PatchTarget? TryRead(int id, ProcessStatus status)
    {
        if (ProcFile.StartTicks(id) is not { } ticks || TargetAccess.ViewId(id, status) is not { } view) return null;
        string? path = ProcFile.TryReadLink($"/proc/{view}/exe");
        string? maps = path is null ? null : ProcFile.TryRead($"/proc/{view}/maps");
        using ElfImage? image = path is null ? null : TryOpen($"/proc/{view}/exe");
        string reason = Reason(id, status, image, mayRead: maps is { Length: > 0 });
        return new PatchTarget
        {
            Id = id,
            Name = status.Name,
            Path = TargetText.Clean(path ?? ""),
            BuildId = image?.BuildId ?? "",
            Architecture = image is null ? "" : TargetArchitecture.NameOf(image),
            Threads = status.Threads,
            Backend = BackendSelector.Default.Kind,
            LivePatches = maps is null ? 0 : LivePatchCatalog.CountApplied(MemoryMap.Parse(maps), view),
            CanPatch = reason.Length == 0,
            Reason = reason,
            StartTime = BootTime.AddTicks((long)ticks * (TimeSpan.TicksPerSecond / TicksPerSecond)).ToLocalTime(),
            StartTicks = ticks,
        };
    }

    /// <summary>Why this user can't patch a process, in one sentence or two; empty when nothing is known to stand in the way.</summary>
    private static string Reason(int id, ProcessStatus status, ElfImage? image, bool mayRead)
    {
        string name = $"{status.Name} ({id})";
        if (TargetAccess.WhyNotATarget(id, status) is { } refusal) return refusal.Message;
        if (!mayRead) return TargetAccess.Denied(id, status, 0).Message;
        if (TargetAccess.WhyTraced(name, status.TracerId) is { } traced) return traced.Message;
        if (image is not null && TargetAccess.WhyWrongArchitecture(name, image, status) is { } machine) return machine.Message;
        if (status.Seccomp != 0 && !TargetAccess.CanSuspendSeccomp && BackendSelector.Default.Kind == BackendKind.Ptrace) return TargetAccess.SeccompBlocks(name, status).Message;
        return "";
    }

    private static ElfImage? TryOpen(string path)
    {
        try
        {
            return ElfImage.OpenFile(path);
        }
        catch (PatchException)
        {
            return null;
        }
    }

    private static readonly DateTime BootTime = ReadBootTime();

    private static DateTime ReadBootTime()
    {
        string line = (ProcFile.TryRead("/proc/stat") ?? "").Split('\n').FirstOrDefault(l => l.StartsWith("btime ", StringComparison.Ordinal)) ?? "";
        _ = long.TryParse(line.AsSpan(Math.Min(6, line.Length)), CultureInfo.InvariantCulture, out long seconds);
        return DateTime.UnixEpoch.AddSeconds(seconds);
    }
}
