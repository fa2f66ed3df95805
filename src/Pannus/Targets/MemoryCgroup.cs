using System.Globalization;
using Pannus.Linux;

namespace Pannus.Targets;

/// <summary>
/// How much memory a process may still be charged with by its memory cgroups (cgroups(7)), of either version. What goes beyond
/// that makes the kernel kill it.
/// </summary>
internal static class MemoryCgroup
{
    // Per version: limit, what is used of it, and what of that can be had back (of memory.stat).
    private static readonly (string Limit, string Used, string[] Reclaimable)[] s_files =
    [
        ("memory.max", "memory.current", ["inactive_file", "active_file", "slab_reclaimable"]),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", ["total_inactive_file", "total_active_file"]),
    ];

    /// <summary>The bytes that are left, and the cgroup that says so; null when none sets a limit that can be seen.</summary>
    public static (ulong Left, string Directory)? Room(int id)
    {
        (ulong Left, string Directory)? least = null;
        foreach (string line in (ProcFile.TryRead($"/proc/{id}/cgroup") ?? "").Split('\n'))
        {
            // Hierarchy, its controllers (none for version 2), path.
            string[] fields = line.Split(':', 3);
            if (fields.Length < 3 || (fields[1].Length > 0 && !fields[1].Split(',').Contains("memory"))) continue;
            if (Mount(isVersion2: fields[1].Length == 0) is not { } mount) continue;
            for (string path = fields[2]; ; path = path[..path.LastIndexOf('/')])
            {
                path = path.TrimEnd('/');
                if (RoomOf(mount + path) is { } left && !(left >= least?.Left)) least = (left, mount + path);
                if (path.Length == 0) break;
            }
        }
        return least;
    }

    /// <summary>The bytes that are left of the limit of one cgroup; null when it has none.</summary>
    public static ulong? RoomOf(string directory)
    {
        foreach ((string limit, string used, string[] reclaimable) in s_files)
        {
            // "max" is no limit, and so is, in version 1, about the largest number there is.
            if (Number($"{directory}/{limit}") is not { } most || Number($"{directory}/{used}") is not { } now) continue;
            ulong back = 0;
            foreach (string line in (ProcFile.TryRead($"{directory}/memory.stat") ?? "").Split('\n'))
            {
                string[] fields = line.Split(' ');
                if (fields.Length == 2 && reclaimable.Contains(fields[0])
                    && ulong.TryParse(fields[1], CultureInfo.InvariantCulture, out ulong bytes)) back += bytes;
            }
            now -= Math.Min(now, back);
            return most - Math.Min(most, now);
        }
        return null;
    }

    private static ulong? Number(string path) =>
        ulong.TryParse((ProcFile.TryRead(path) ?? "").Trim(), CultureInfo.InvariantCulture, out ulong number) ? number : null;

    // proc_pid_mountinfo(5): "36 35 98:0 / /sys/fs/cgroup/memory rw ... - cgroup cgroup rw,memory".
    private static string? Mount(bool isVersion2)
    {
        foreach (string line in (ProcFile.TryRead("/proc/self/mountinfo") ?? "").Split('\n'))
        {
            string[] halves = line.Split(" - ");
            if (halves.Length < 2 || halves[0].Split(' ') is not { Length: > 4 } place || halves[1].Split(' ') is not { Length: > 2 } kind)
                continue;
            if (isVersion2 ? kind[0] == "cgroup2" : kind[0] == "cgroup" && kind[2].Split(',').Contains("memory")) return place[4];
        }
        return null;
    }
}
