using System.Globalization;
using Pannus.Core;
using Pannus.Linux;

namespace Pannus.Targets;

/// <summary>Limits of a process beyond which the kernel does not just refuse, but sends a signal that ends it.</summary>
internal static class TargetLimits
{
    // Page tables, the journal's mappings, copies of the pages that are written to.
    private const ulong Besides = 128 * 1024;

    /// <summary>
    /// Throws when mapping a patch would end the process that makes the patch's file, or the target. Error:
    /// <see cref="PatchErrorId.NoAddressSpace"/>.
    /// </summary>
    public static void CheckCanMap(TargetProcess target, MapRequest request, int maker)
    {
        if (FileSize(maker) is { } most && most < request.FileSize)
        {
            string who = maker == target.Id ? target.DisplayName : "this process";
            throw new PatchException(PatchErrorId.NoAddressSpace,
                $"The files that {who} may make have at most {most} bytes (RLIMIT_FSIZE), and the patch needs one of "
                + $"{request.FileSize} in memory. Nothing was changed. Raise the limit: prlimit --pid {maker} --fsize={request.FileSize}.");
        }
        if (MemoryCgroup.Room(target.Id) is var (left, directory) && left < request.FileSize + Besides)
        {
            throw new PatchException(PatchErrorId.NoAddressSpace,
                $"The memory cgroup of {target.DisplayName} ({directory}) has {left >> 10} KiB left, and the patch may need "
                + $"{(request.FileSize + Besides) >> 10}: the kernel would kill the target. Nothing was changed. Raise its limit.");
        }
    }

    // proc_pid_limits(5): "Max file size  4096  unlimited  bytes", in columns.
    private static ulong? FileSize(int id)
    {
        const string name = "Max file size";
        foreach (string line in (ProcFile.TryRead($"/proc/{id}/limits") ?? "").Split('\n'))
        {
            if (line.StartsWith(name, StringComparison.Ordinal)
                && line[name.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries) is [var soft, ..]
                && ulong.TryParse(soft, CultureInfo.InvariantCulture, out ulong most)) return most;
        }
        return null;
    }
}
