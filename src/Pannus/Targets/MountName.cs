using Pannus.Core;

namespace Pannus.Targets;

/// <summary>
/// The name that a patch's mappings bear, <c>pannus:FILE#ID</c>: shown by /proc/PID/maps, perf and gdb. The id is that of the
/// live patch, or the beginning of the patch file's hash when it is only mounted. Whatever else is known is in the record.
/// </summary>
internal static class MountName
{
    private const string Prefix = "/memfd:pannus:";
    private const int LongestFileName = 180;

    /// <summary>The name for a patch file and an id.</summary>
    public static string Of(string fileName, string id)
    {
        string file = fileName.Length > LongestFileName ? fileName[..LongestFileName] : fileName;
        return $"pannus:{file}#{id}";
    }

    /// <summary>The file name in a name.</summary>
    public static string FileName(string name) => Split(name).FileName;

    /// <summary>The id or hash in a name; empty when there is none.</summary>
    public static string Id(string name) => Split(name).Id;

    /// <summary>The name in a region's path; null for memory that is no patch's.</summary>
    public static string? FromRegion(in MemoryRegion region)
    {
        if (!region.Path.StartsWith(Prefix, StringComparison.Ordinal)) return null;
        string name = region.Path["/memfd:".Length..];
        const string deleted = " (deleted)";
        // The target may call a memfd of its own like that.
        return TargetText.Clean(name.EndsWith(deleted, StringComparison.Ordinal) ? name[..^deleted.Length] : name);
    }

    /// <summary>The patches in a memory map, each with its regions. A memfd has an inode of its own.</summary>
    public static IEnumerable<(string Name, IReadOnlyList<MemoryRegion> Regions)> All(MemoryMap map) =>
        map.Regions.Where(r => FromRegion(r) is not null).GroupBy(r => (r.Device, r.Inode))
            .Select(g => (FromRegion(g.First())!, (IReadOnlyList<MemoryRegion>)[.. g]));

    private static (string FileName, string Id) Split(string name)
    {
        string text = name["pannus:".Length..];
        int mark = text.LastIndexOf('#');
        return mark < 0 ? (text, "") : (text[..mark], text[(mark + 1)..]);
    }
}
