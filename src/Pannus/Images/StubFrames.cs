using System.Buffers.Binary;
using Pannus.Core;

namespace Pannus.Images;

/// <summary>
/// Call frame information for code that is entered like a function and moves no stack pointer: the return address is on top of the
/// stack and every register is the caller's (LSB Core, "The .eh_frame section").
/// </summary>
internal static class StubFrames
{
    private const int CommonSize = 20, EntrySize = 20;

    // Length, id 0, version 1, "zR", code factor 1, data factor -word, return column; one byte of augmentation: addresses are
    // relative and signed 32-bit; DW_CFA_def_cfa sp word, DW_CFA_offset of the return address at 1, DW_CFA_nop.
    private static ReadOnlySpan<byte> Common64 => [16, 0, 0, 0, 0, 0, 0, 0, 1, (byte)'z', (byte)'R', 0, 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8];
    private static ReadOnlySpan<byte> Common32 => [16, 0, 0, 0, 0, 0, 0, 0, 1, (byte)'z', (byte)'R', 0, 1, 0x7c, 8, 1, 0x1b, 0x0c, 4, 4];

    /// <summary>Bytes for so many stretches of code.</summary>
    public static int SizeOf(int count) => CommonSize + count * EntrySize + 4;

    /// <summary>Writes a common entry, one entry for each stretch, and the end. Returns the offsets of the entries.</summary>
    public static int[] Write(Span<byte> to, ulong address, IReadOnlyList<AddressRange> code, int bitness)
    {
        (bitness == 64 ? Common64 : Common32).CopyTo(to);
        int[] offsets = new int[code.Count];
        for (int i = 0; i < code.Count; i++)
        {
            int at = offsets[i] = CommonSize + i * EntrySize;
            Span<byte> entry = to.Slice(at, EntrySize);
            BinaryPrimitives.WriteInt32LittleEndian(entry, EntrySize - 4);
            BinaryPrimitives.WriteInt32LittleEndian(entry[4..], at + 4);
            BinaryPrimitives.WriteInt32LittleEndian(entry[8..], (int)(code[i].Start - (address + (ulong)at + 8)));
            BinaryPrimitives.WriteInt32LittleEndian(entry[12..], (int)code[i].Length);
            // No augmentation; DW_CFA_offset of the return address, one word under the CFA.
            entry[16] = 0;
            entry[17] = (byte)(0x80 | (bitness == 64 ? 16 : 8));
            entry[18] = 1;
            entry[19] = 0;
        }
        return offsets;
    }
}
