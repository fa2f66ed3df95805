using Pannus.Core;
using Pannus.Linux;

namespace Pannus.Holding;

/// <summary>
/// Keeps the code in memory that runs in a stop, ours and .NET's: a page that is first touched there, or has to come back from
/// a disk, is a fault for which the target waits.
/// </summary>
/// <remarks>
/// mlock(2) reads the pages in as well. The memory is that of the page cache, some 20 MB that all processes of .NET share, and
/// stays locked until this one ends. As much is locked as the user may (RLIMIT_MEMLOCK, CAP_IPC_LOCK), ours first.
/// </remarks>
internal static class ResidentCode
{
    private static readonly string[] s_files = ["Pannus.dll", "libc.so.6", "libcoreclr.so", "System.Private.CoreLib.dll"];
    private static bool s_isLocked;

    /// <summary>Locks it, once in the life of this process.</summary>
    public static void Lock()
    {
        if (s_isLocked) return;
        s_isLocked = true;
        IReadOnlyList<MemoryRegion> regions = MemoryMap.Parse(ProcFile.TryRead("/proc/self/maps") ?? "").Regions;
        foreach (string file in s_files)
        {
            foreach (MemoryRegion region in regions)
                if (region.Access.HasFlag(MemoryAccess.Execute) && Path.GetFileName(region.Path) == file)
                    OwnMemory.Lock(region.Start, region.Size);
        }
    }
}
