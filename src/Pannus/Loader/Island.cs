using System.Buffers.Binary;
using Pannus.Patcher;
using Pannus.Target;

namespace Pannus.Loader;

/// <summary>
/// A page of jumps near a module that the patch itself is too far from: an entry jumps to the island with 32 bits, and the
/// island to the patch with 64.
/// </summary>
/// <param name="Address">Where it lies.</param>
/// <param name="Code">A page of code.</param>
internal sealed record Island(ulong Address, byte[] Code)
{
    public const int PageSize = 4096;
}

/// <summary>Places islands as planning asks for them.</summary>
internal sealed class IslandPlanner(TargetProcess target, PatchPlacement placement)
{
    private const int PageSize = Island.PageSize, SlotSize = 16;
    private readonly List<(TargetModule Module, Island Island, int Used)> _islands = [];

    /// <summary>The islands so far.</summary>
    public IReadOnlyList<Island> Islands => [.. _islands.Select(i => i.Island)];

    /// <summary>
    /// An address in reach of <paramref name="module"/> from where execution goes on at <paramref name="destination"/>.
    /// Error: <see cref="PatchErrorId.NoAddressSpace"/>.
    /// </summary>
    public ulong Reach(TargetModule module, ulong destination)
    {
        int index = _islands.FindIndex(i => i.Module == module && i.Used + SlotSize <= PageSize);
        if (index < 0)
        {
            _islands.Add((module, new Island(FindPage(module), new byte[PageSize]), 0));
            index = _islands.Count - 1;
        }
        (_, Island island, int used) = _islands[index];
        // jmp [rip+0], then the address.
        Span<byte> slot = island.Code.AsSpan(used, SlotSize);
        slot[0] = 0xff;
        slot[1] = 0x25;
        BinaryPrimitives.WriteUInt64LittleEndian(slot[6..], destination);
        _islands[index] = (module, island, used + SlotSize);
        return island.Address + (ulong)used;
    }

    private ulong FindPage(TargetModule module)
    {
        AddressRange[] taken =
            [new(placement.Address, placement.Image.Size), .. _islands.Select(i => new AddressRange(i.Island.Address, PageSize))];
        // Room beside what is planned already: ask for so much that the planned part can be stepped over.
        for (ulong pages = 1; pages <= 1024; pages *= 2)
        {
            if (AddressSpace.FindGap(target.Architecture, target.Map, new(module.Start, module.End - module.Start), pages * PageSize, PageSize) is not { } gap) break;
            for (ulong at = gap; at < gap + pages * PageSize; at += PageSize)
                if (!taken.Any(t => t.Overlaps(new AddressRange(at, PageSize)))) return at;
        }
        throw new PatchException(PatchErrorId.NoAddressSpace,
            $"There is no free page within 2 GiB of {module.Name} in {target.DisplayName} for a jump to the patch.");
    }
}
