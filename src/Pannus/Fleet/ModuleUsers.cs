using System.Collections.Concurrent;
using Pannus.Core;
using Pannus.Elf;
using Pannus.Linux;
using Pannus.Targets;

namespace Pannus.Fleet;

/// <summary>Which processes map a program or library, by its name, its path, the end of its path, or its build id.</summary>
public static class ModuleUsers
{
    private const string Deleted = " (deleted)";

    private static readonly ConcurrentDictionary<(ulong Device, ulong Inode, string Path), (string SoName, string BuildId)> s_known = [];

    /// <summary>Whether a process maps code of a module.</summary>
    public static bool IsMapped(int id, string module)
    {
        if (ProcessStatus.TryRead(id) is not { } status || TargetAccess.ViewId(id, status) is not { } view) return false;
        if (ProcFile.TryRead($"/proc/{view}/maps") is not { } maps) return false;
        return MemoryMap.Parse(maps).Regions.Where(r => r.Inode != 0 && r.Access.HasFlag(MemoryAccess.Execute)).DistinctBy(r => (r.Device, r.Inode))
            .Any(r => IsCalled(view, r, module));
    }

    private static bool IsCalled(int view, MemoryRegion region, string module)
    {
        string path = region.Path.EndsWith(Deleted, StringComparison.Ordinal) ? region.Path[..^Deleted.Length] : region.Path;
        if (path == module || path.EndsWith("/" + module.TrimStart('/'), StringComparison.Ordinal) && module[0] != '/') return true;
        (string soName, string buildId) = s_known.GetOrAdd((region.Device, region.Inode, region.Path), _ => Read(view, region, path));
        return module == soName || module == buildId;
    }

    private static (string, string) Read(int view, MemoryRegion region, string path)
    {
        foreach (string file in (string[])[$"/proc/{view}/map_files/{region.Start:x}-{region.End:x}", $"/proc/{view}/root{path}"])
        {
            try
            {
                using ElfImage image = ElfImage.OpenFile(file, path);
                return (image.SoName, image.BuildId);
            }
            catch (PatchException)
            {
                // Not to be read by this user, or no ELF file.
            }
        }
        return ("", "");
    }
}
