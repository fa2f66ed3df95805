using System.Buffers.Binary;
using Pannus.Core;
using Pannus.Unwinding;

namespace Pannus.Images;

/// <summary>
/// Makes a patch's <see cref="FrameIndex"/>: the functions of its own .eh_frame, and entries for the code that is added to
/// it (PLT entries, trampolines of originals). Its place is taken before the patch has an address, and filled afterwards.
/// </summary>
internal static class FrameIndexWriter
{
    /// <summary>The image with room for the index after it; as it is when it has no call frame information.</summary>
    public static PatchImage Extend(PatchImage image)
    {
        if (image.Frames.Count == 0) return image;
        FrameEntry[] functions = [.. image.Frames.SelectMany(f => Entries(image, image.Content, 0, f)).Select(e => e.Entry)];
        int entries = functions.Length + image.Stubs.Count;
        ulong size = (ulong)(FrameIndex.Mark.Length + FrameIndex.HeaderSize + entries * FrameIndex.EntrySize + StubFrames.SizeOf(image.Stubs.Count));
        return image.WithConstants(Page.Up(size)) with
        {
            IndexOffset = image.Size,
            HandlesExceptions = functions.Any(f => f.HasPersonality),
        };
    }

    /// <summary>Fills the place in a relocated patch. Returns what unwinders are to be told; null when there is no index.</summary>
    public static FrameIndex? Write(PatchPlacement placement)
    {
        PatchImage image = placement.Image;
        if (image.IndexOffset is not { } offset) return null;
        Span<byte> index = placement.Content.AsSpan((int)offset);
        ulong header = placement.Address + offset + (ulong)FrameIndex.Mark.Length;

        var functions = new SortedList<ulong, ulong>();
        foreach (AddressRange frames in image.Frames)
        {
            foreach ((FrameEntry entry, ulong at) in Entries(image, placement.Content, placement.Address, frames))
                if (IsCode(image, entry.Start - placement.Address)) functions.TryAdd(entry.Start, at);
        }
        int table = FrameIndex.Mark.Length + FrameIndex.HeaderSize, stubs = table + (functions.Count + image.Stubs.Count) * FrameIndex.EntrySize;
        AddressRange[] code = [.. image.Stubs.Select(s => new AddressRange(placement.Address + s.Start, s.Length))];
        int[] places = StubFrames.Write(index[stubs..], placement.Address + offset + (ulong)stubs, code, image.Architecture.Bitness);
        for (int i = 0; i < code.Length; i++) functions.TryAdd(code[i].Start, placement.Address + offset + (ulong)(stubs + places[i]));
        WriteHeader(index, header, placement.Address + offset + (ulong)stubs, functions);
        return functions.Count == 0 ? null : new FrameIndex(new AddressRange(placement.Address, offset), header,
            (ulong)(FrameIndex.HeaderSize + functions.Count * FrameIndex.EntrySize));
    }

    /// <summary>Writes an index of stubs alone, with its mark, where there is room: the code of a page of long jumps.</summary>
    public static FrameIndex WriteStubs(Span<byte> place, ulong address, AddressRange code, int bitness)
    {
        int stubs = FrameIndex.Mark.Length + FrameIndex.HeaderSize + FrameIndex.EntrySize;
        int at = StubFrames.Write(place[stubs..], address + (ulong)stubs, [code], bitness)[0];
        ulong header = address + (ulong)FrameIndex.Mark.Length;
        WriteHeader(place, header, address + (ulong)stubs, new SortedList<ulong, ulong> { [code.Start] = address + (ulong)(stubs + at) });
        return new FrameIndex(code, header, FrameIndex.HeaderSize + FrameIndex.EntrySize);
    }

    private static void WriteHeader(Span<byte> index, ulong header, ulong frames, SortedList<ulong, ulong> functions)
    {
        FrameIndex.Mark.CopyTo(index);
        Span<byte> to = index[FrameIndex.Mark.Length..];
        FrameIndex.Encodings.CopyTo(to);
        BinaryPrimitives.WriteInt32LittleEndian(to[4..], (int)(frames - (header + 4)));
        BinaryPrimitives.WriteInt32LittleEndian(to[8..], functions.Count);
        to = to[FrameIndex.HeaderSize..];
        foreach ((ulong start, ulong entry) in functions)
        {
            BinaryPrimitives.WriteInt32LittleEndian(to, (int)(start - header));
            BinaryPrimitives.WriteInt32LittleEndian(to[4..], (int)(entry - header));
            to = to[FrameIndex.EntrySize..];
        }
    }

    private static bool IsCode(PatchImage image, ulong offset) => image.Segments.Any(s => s.Access.HasFlag(MemoryAccess.Execute) && offset - s.Start < s.Length);

    private static IEnumerable<(FrameEntry Entry, ulong Address)> Entries(PatchImage image, byte[] content, ulong address, AddressRange frames)
    {
        if (!image.Holds(frames.Start, frames.Length)) yield break;
        for (int at = 0; at >= 0 && at < (int)frames.Length;)
        {
            bool isFunction = FrameEntry.TryRead(content.AsSpan((int)frames.Start, (int)frames.Length), address + frames.Start, at,
                image.Architecture.Word.Size, out FrameEntry entry, out int next);
            if (isFunction && entry.Length > 0) yield return (entry, address + frames.Start + (ulong)at);
            at = next;
        }
    }
}
