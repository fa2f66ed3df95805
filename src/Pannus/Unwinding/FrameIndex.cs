using System.Buffers.Binary;
using Pannus.Core;
using Pannus.Machines;

namespace Pannus.Unwinding;

/// <summary>
/// Where the call frame information of a patch is found: a mark, and after it an .eh_frame_hdr (LSB Core) of all functions of
/// the patch and of the code that Pannus adds to them. It begins a page of the patch's image; in a page of long jumps it lies at
/// the page's end. Unwinders of the target are given the address after the mark.
/// </summary>
/// <param name="Code">The code that it is for.</param>
/// <param name="Header">Address of the .eh_frame_hdr.</param>
/// <param name="Size">Size of the .eh_frame_hdr in bytes, with its table.</param>
internal readonly record struct FrameIndex(AddressRange Code, ulong Header, ulong Size)
{
    /// <summary>Bytes of an .eh_frame_hdr without its table, and of an entry of that.</summary>
    public const int HeaderSize = 12, EntrySize = 8;

    /// <summary>Offset in a page of long jumps.</summary>
    public const int OffsetInJumps = Page.Size - 128;

    private const int LargestSection = 64 << 20;

    /// <summary>The mark. It is no code and no text that a patch is likely to have at the start of a page.</summary>
    public static ReadOnlySpan<byte> Mark => "\u007fPnsEhFi"u8;

    /// <summary>The first bytes of the .eh_frame_hdr: version, and how pointer, count and table are encoded.</summary>
    public static ReadOnlySpan<byte> Encodings => [1, 0x10 | EncodedPointer.Signed32, EncodedPointer.Word, EncodedPointer.TableOfHeader];

    /// <summary>
    /// The indexes in a patch's mappings. They are read from the target, which may have written anything: all they decide is
    /// how its own stacks are unwound.
    /// </summary>
    public static IEnumerable<FrameIndex> FindAll(IReadOnlyList<MemoryRegion> regions, IMemoryReader memory)
    {
        ulong image = regions.FirstOrDefault(r => r.Offset == 0).Start;
        foreach (MemoryRegion region in regions)
        {
            if (!region.Access.HasFlag(MemoryAccess.Read) || region.Access.HasFlag(MemoryAccess.Write)) continue;
            bool isImage = region.Start - region.Offset == image;
            if (!isImage && !region.Access.HasFlag(MemoryAccess.Execute)) continue;
            for (ulong page = region.Start; page < region.End; page += Page.Size)
            {
                ulong at = isImage ? page : page + OffsetInJumps;
                if (SizeAt(at, memory) is not { } size) continue;
                AddressRange code = isImage ? new AddressRange(image, page - image) : new AddressRange(page, OffsetInJumps);
                yield return new FrameIndex(code, at + (ulong)Mark.Length, size);
            }
        }
    }

    /// <summary>
    /// Reads the table; null when it can't be used. The call frame information itself lies anywhere in the image before it, or after the table.
    /// </summary>
    public UnwindTable? ReadTable(IMemoryReader memory, UnwindMachine machine)
    {
        byte[] header = new byte[Size];
        if (memory.Read(Header, header) != header.Length) return null;
        ulong first = Header, last = Header + Size;
        Span<byte> head = stackalloc byte[8];
        for (int at = HeaderSize; at < header.Length; at += EntrySize)
        {
            ulong entry = machine.Word.Wrap(Header + (ulong)BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(at + 4)));
            if (memory.Read(entry, head) != head.Length) return null;
            ulong common = machine.Word.Wrap(entry + 4 - BinaryPrimitives.ReadUInt32LittleEndian(head[4..]));
            first = Math.Min(first, Math.Min(common, entry));
            last = Math.Max(last, entry + 4 + BinaryPrimitives.ReadUInt32LittleEndian(head));
        }
        if (last - first > LargestSection) return null;
        byte[] section = new byte[last - first];
        return memory.Read(first, section) == section.Length ? UnwindTable.FromIndex(section, first, header, Header, machine) : null;
    }

    private static ulong? SizeAt(ulong address, IMemoryReader memory)
    {
        Span<byte> head = stackalloc byte[Mark.Length + HeaderSize];
        if (memory.Read(address, head) != head.Length || !head.StartsWith(Mark) || !head[Mark.Length..].StartsWith(Encodings)) return null;
        uint count = BinaryPrimitives.ReadUInt32LittleEndian(head[^4..]);
        return count is > 0 and < LargestSection / EntrySize ? HeaderSize + (ulong)count * EntrySize : null;
    }
}
