using Pannus.Target;

namespace Pannus.Loader;

/// <summary>
/// The name that a patch's mappings bear, <c>pannus:FILE#HASH</c>: shown by /proc/PID/maps, perf and gdb. The hash, of the
/// patch file, lets any later session see what is mapped.
/// </summary>
internal static class MountName
{
    private const string Prefix = "/memfd:pannus:";
    private const int HashLength = 12, LongestFileName = 180;

    /// <summary>The name for a patch file.</summary>
    public static string Of(PatchFile patch)
    {
        string file = patch.FileName.Length > LongestFileName ? patch.FileName[..LongestFileName] : patch.FileName;
        return $"pannus:{file}#{patch.Sha256[..HashLength]}";
    }

    /// <summary>The file name in a name.</summary>
    public static string FileName(string name) => name["pannus:".Length..].Split('#')[0];

    /// <summary>The name in a region's path; null for memory that is no patch's.</summary>
    public static string? FromRegion(in MemoryRegion region)
    {
        if (!region.Path.StartsWith(Prefix, StringComparison.Ordinal)) return null;
        string name = region.Path["/memfd:".Length..];
        const string deleted = " (deleted)";
        return name.EndsWith(deleted, StringComparison.Ordinal) ? name[..^deleted.Length] : name;
    }

    /// <summary>The patches in a memory map, each with its regions. A memfd has an inode of its own.</summary>
    public static IEnumerable<(string Name, IReadOnlyList<MemoryRegion> Regions)> All(MemoryMap map) =>
        map.Regions.Where(r => FromRegion(r) is not null).GroupBy(r => (r.Device, r.Inode))
            .Select(g => (FromRegion(g.First())!, (IReadOnlyList<MemoryRegion>)[.. g]));

    /// <summary>How many patches a memory map holds.</summary>
    public static int Count(MemoryMap map) => All(map).Count();
}
