using System.Buffers.Binary;
using Pannus.Core;
using Pannus.Linux;

namespace Pannus.Targets;

/// <summary>
/// Which pages of a target hold something (/proc/PID/pagemap, Documentation/admin-guide/mm/pagemap.rst): those that are in
/// memory or swapped out. What was never touched holds nothing, and to read it would make page tables in the target.
/// </summary>
internal sealed class PageMap : IDisposable
{
    private const int PageShift = 12, EntrySize = 8, EntriesAtOnce = 16 << 10, RegionsAtOnce = 256;
    private const ulong Present = 1ul << 63, Swapped = 1ul << 62, FileOrShared = 1ul << 61;

    private readonly Descriptor? _descriptor;
    private readonly byte[] _entries = new byte[EntriesAtOnce * EntrySize];
    private bool _hasNoScan;

    private PageMap(Descriptor? descriptor) => _descriptor = descriptor;

    /// <summary>Opens the page map of a target; one that can't be opened takes all pages for used.</summary>
    public static PageMap Open(TargetProcess target) => new(Descriptor.TryOpen($"/proc/{target.ViewId}/pagemap", OpenMode.Read));

    /// <summary>
    /// The stretches of a range that hold something, lowest first; with <paramref name="ownOnly"/> without what is as its file has
    /// it, or shared.
    /// </summary>
    public IReadOnlyList<AddressRange> Used(AddressRange range, bool ownOnly)
    {
        List<AddressRange> used = [];
        for (ulong at = range.Start; at < range.End;)
            at = _hasNoScan ? ReadNext(at, range.End, ownOnly, used) : ScanNext(at, range.End, ownOnly, used);
        return used;
    }

    public void Dispose() => _descriptor?.Dispose();

    private ulong ScanNext(ulong at, ulong end, bool ownOnly, List<AddressRange> used)
    {
        Span<ulong> regions = stackalloc ulong[PageScan.RegionWords * RegionsAtOnce];
        long count = _descriptor is null ? -Errno.ENOENT : PageScan.TryScan(_descriptor, at, end, ownOnly, regions);
        _hasNoScan = count < 0;
        if (count < 0) return at;
        for (int i = 0; i < count; i++) used.Add(new AddressRange(regions[3 * i], regions[3 * i + 1] - regions[3 * i]));
        return count < RegionsAtOnce ? end : used[^1].End;
    }

    private ulong ReadNext(ulong at, ulong end, bool ownOnly, List<AddressRange> used)
    {
        int wanted = (int)Math.Min(EntriesAtOnce, (end - at) >> PageShift);
        long read = _descriptor?.ReadAt((long)(at >> PageShift) * EntrySize, _entries.AsSpan(0, wanted * EntrySize)) ?? 0;
        if (read < EntrySize)
        {
            used.Add(new AddressRange(at, end - at));
            return end;
        }
        int count = (int)(read / EntrySize);
        for (int to, from = 0; from < count; from = to)
        {
            bool isUsed = IsUsed(from, ownOnly);
            for (to = from + 1; to < count && IsUsed(to, ownOnly) == isUsed; to++) { }
            if (isUsed) used.Add(new AddressRange(at + ((ulong)from << PageShift), (ulong)(to - from) << PageShift));
        }
        return at + ((ulong)count << PageShift);
    }

    private bool IsUsed(int index, bool ownOnly)
    {
        ulong entry = BinaryPrimitives.ReadUInt64LittleEndian(_entries.AsSpan(index * EntrySize));
        return (entry & (Present | Swapped)) != 0 && !(ownOnly && (entry & FileOrShared) != 0);
    }
}
