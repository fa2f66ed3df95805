using Pannus.Core;
using Pannus.Machines;

namespace Pannus.Images;

/// <summary>
/// Finds room for a patch in the gaps of a memory map, so near to the code it patches that a jump with a 32-bit
/// displacement reaches from every byte of the one to every byte of the other.
/// </summary>
internal static class AddressSpace
{
    private const ulong Guard = 16 * Page.Size;
    private const ulong Reach = (1ul << 31) - (1ul << 20);
    private const ulong LowestAddress = 0x10000; // vm.mmap_min_addr as every distribution sets it.
    private const ulong HeapGrowth = 1ul << 30, StackGrowth = 1ul << 30;

    /// <summary>
    /// Start of a free stretch of <paramref name="size"/> bytes; null when there is none. Of all that would do it is the
    /// one nearest to <paramref name="near"/>, below it if both sides do: above a program grows its heap.
    /// </summary>
    /// <param name="architecture">The target's machine.</param>
    /// <param name="map">The target's memory.</param>
    /// <param name="near">What has to be in reach.</param>
    /// <param name="size">Bytes, a multiple of the page size.</param>
    /// <param name="alignment">What the start must be a multiple of; a power of two, at least the page size.</param>
    /// <param name="limit">Address that the stretch must end below.</param>
    public static ulong? FindGap(TargetArchitecture architecture, MemoryMap map, AddressRange near, ulong size, ulong alignment,
        ulong limit = ulong.MaxValue)
    {
        ulong lowest = LowestAddress, end = architecture.HighestAddress(map), highest = Math.Min(limit, end);
        if (!architecture.ReachesAll)
        {
            if (near.End > Reach + LowestAddress) lowest = near.End - Reach;
            highest = Math.Min(highest, near.Start + Reach);
        }
        ulong? best = null;
        foreach (AddressRange gap in Gaps(map, end))
        {
            ulong start = Math.Max(gap.Start, lowest), stop = Math.Min(gap.End, highest);
            if (stop < start || stop - start < size) continue;
            // The end of the gap that is nearer.
            ulong candidate = stop <= near.Start || start < near.Start ? Page.Down(Math.Min(stop, near.Start) - size, alignment) : Page.Up(start, alignment);
            if (candidate < start || candidate + size > stop) continue;
            if (best is null || Distance(candidate, size, near) < Distance(best.Value, size, near)) best = candidate;
        }
        return best;
    }

    // Free stretches less a guard at each end, and less what the heap and the stack may still grow into.
    private static IEnumerable<AddressRange> Gaps(MemoryMap map, ulong highest)
    {
        ulong start = LowestAddress;
        foreach (MemoryRegion region in map.Regions)
        {
            ulong end = region.Start > Guard ? region.Start - Guard : 0;
            if (region.Path == "[stack]") end = region.Start > StackGrowth ? region.Start - StackGrowth : 0;
            if (end > start) yield return new AddressRange(start, end - start);
            start = Math.Max(start, region.End + (region.Path == "[heap]" ? HeapGrowth : Guard));
        }
        if (highest > start) yield return new AddressRange(start, highest - start);
    }

    private static ulong Distance(ulong address, ulong size, AddressRange near) =>
        address >= near.End ? address - near.End : near.Start >= address + size ? near.Start - (address + size) : 0;
}
