using System.Buffers.Binary;
using Pannus.Core;
using Pannus.Targets;
using Pannus.Unwinding;

namespace Pannus.Images;

/// <summary>
/// A page of jumps near a module that the patch itself is too far from: an entry jumps to the long-jump page with 32 bits, and the
/// long-jump page to the patch with 64.
/// </summary>
/// <param name="Address">Where it lies.</param>
/// <param name="Code">A page of code.</param>
internal sealed record LongJumpPage(ulong Address, byte[] Code)
{
    /// <summary>How unwinders find their way from its jumps.</summary>
    public required FrameIndex Index { get; init; }
}

/// <summary>Places long-jump pages as planning asks for them.</summary>
internal sealed class LongJumpPlanner(TargetProcess target, PatchPlacement placement)
{
    private const int SlotSize = 16;
    private readonly List<(TargetModule Module, LongJumpPage Page, int Used)> _pages = [];

    /// <summary>The long-jump pages so far.</summary>
    public IReadOnlyList<LongJumpPage> LongJumps => [.. _pages.Select(i => i.Page)];

    /// <summary>
    /// An address in reach of <paramref name="module"/> from where execution goes on at <paramref name="destination"/>.
    /// Error: <see cref="PatchErrorId.NoAddressSpace"/>.
    /// </summary>
    public ulong Reach(TargetModule module, ulong destination)
    {
        int index = _pages.FindIndex(i => i.Module == module && i.Used + SlotSize <= FrameIndex.OffsetInJumps);
        if (index < 0)
        {
            _pages.Add((module, Make(FindPage(module)), 0));
            index = _pages.Count - 1;
        }
        (_, LongJumpPage page, int used) = _pages[index];
        // jmp [rip+0], then the address.
        Span<byte> slot = page.Code.AsSpan(used, SlotSize);
        slot[0] = 0xff;
        slot[1] = 0x25;
        BinaryPrimitives.WriteUInt64LittleEndian(slot[6..], destination);
        _pages[index] = (module, page, used + SlotSize);
        return page.Address + (ulong)used;
    }

    private LongJumpPage Make(ulong address)
    {
        byte[] code = new byte[Page.Size];
        FrameIndex index = FrameIndexWriter.WriteStubs(code.AsSpan(FrameIndex.OffsetInJumps), address + FrameIndex.OffsetInJumps,
            new AddressRange(address, FrameIndex.OffsetInJumps), target.Architecture.Bitness);
        return new LongJumpPage(address, code) { Index = index };
    }

    private ulong FindPage(TargetModule module)
    {
        AddressRange[] taken =
            [new(placement.Address, placement.Image.Size), .. _pages.Select(i => new AddressRange(i.Page.Address, Page.Size))];
        // Room beside what is planned already: ask for so much that the planned part can be stepped over.
        for (ulong pages = 1; pages <= 1024; pages *= 2)
        {
            if (AddressSpace.FindGap(target.Architecture, target.Map, new(module.Start, module.End - module.Start), pages * Page.Size, Page.Size) is not { } gap) break;
            for (ulong at = gap; at < gap + pages * Page.Size; at += Page.Size)
                if (!taken.Any(t => t.Overlaps(new AddressRange(at, Page.Size)))) return at;
        }
        throw new PatchException(PatchErrorId.NoAddressSpace,
            $"There is no free page within 2 GiB of {module.Name} in {target.DisplayName} for a jump to the patch.");
    }
}
