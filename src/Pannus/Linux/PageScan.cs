using System.Runtime.InteropServices;

namespace Pannus.Linux;

/// <summary><c>struct pm_scan_arg</c> (linux/fs.h, since Linux 6.7): asks which pages of a range hold something.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PageScan
{
    /// <summary>PAGEMAP_SCAN: _IOWR('f', 16, struct pm_scan_arg).</summary>
    public const long Request = 0xc060_6610;

    /// <summary>Words of <c>struct page_region</c>: start, end, categories.</summary>
    public const int RegionWords = 3;

    private const ulong IsFile = 1 << 2, IsPresent = 1 << 3, IsSwapped = 1 << 4;

    public ulong Size, Flags, Start, End, WalkEnd, Regions, RegionCount, MostPages, InvertedCategories, AllOf, AnyOf, Returned;

    /// <summary>
    /// Asks a descriptor of /proc/PID/pagemap for stretches that are in memory or swapped out; with <paramref name="ownOnly"/>
    /// without those of files. Returns how many were put into <paramref name="regions"/>, or -errno.
    /// </summary>
    public static unsafe long TryScan(Descriptor pagemap, ulong start, ulong end, bool ownOnly, Span<ulong> regions)
    {
        fixed (ulong* p = regions)
        {
            var scan = new PageScan
            {
                Size = (ulong)sizeof(PageScan), Start = start, End = end, Regions = (ulong)p,
                RegionCount = (ulong)(regions.Length / RegionWords), InvertedCategories = ownOnly ? IsFile : 0,
                AllOf = ownOnly ? IsFile : 0, AnyOf = IsPresent | IsSwapped, Returned = IsPresent | IsSwapped,
            };
            return Syscall.Call(Syscall.Ioctl, pagemap.Number, Request, (long)&scan);
        }
    }
}
