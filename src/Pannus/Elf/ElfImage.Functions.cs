using System.Buffers.Binary;

namespace Pannus.Elf;

// Where functions begin and end, by the table of .eh_frame_hdr (LSB Core, "The .eh_frame_hdr section"), which stays in a
// stripped file.
internal sealed partial class ElfImage
{
    private const byte WordCount = 0x03, TableOfWords = 0x3b; // DW_EH_PE_udata4; datarel and sdata4
    private const int EntrySize = 8, MostFunctions = 1 << 24;

    private SortedList<ulong, ulong>? _functions;

    /// <summary>
    /// The length of each function that has an unwind entry, by its first address; 0 where it can't be told. Empty when there
    /// is no table.
    /// </summary>
    internal SortedList<ulong, ulong> Functions => _functions ??= ReadFunctions();

    private SortedList<ulong, ulong> ReadFunctions()
    {
        Dictionary<ulong, ulong> found = [];
        if (ProgramHeaders.FirstOrDefault(p => p.Type == ProgramHeaderType.GnuEhFrame) is not { FileSize: > 12 } header) return [];
        ReadOnlySpan<byte> table = VirtualSlice(header.VirtualAddress, header.FileSize, ".eh_frame_hdr");
        // version, encodings of the pointer to .eh_frame, of the number and of the table; the pointer has 4 bytes in this form.
        if (table[0] != 1 || table[2] != WordCount || table[3] != TableOfWords || (table[1] & 0xf) is not (0x3 or 0xb)) return [];
        uint count = BinaryPrimitives.ReadUInt32LittleEndian(table[8..]);
        table = table[12..];
        if (count > table.Length / EntrySize || count > MostFunctions) return [];
        for (int i = 0; i < (int)count; i++)
        {
            ReadOnlySpan<byte> entry = table[(i * EntrySize)..];
            ulong start = Word.Wrap(header.VirtualAddress + (ulong)BinaryPrimitives.ReadInt32LittleEndian(entry));
            found[start] = LengthAt(Word.Wrap(header.VirtualAddress + (ulong)BinaryPrimitives.ReadInt32LittleEndian(entry[4..])), start);
        }
        return new SortedList<ulong, ulong>(found);
    }

    // A frame description entry: length, distance to its common entry, first address (relative to itself, as compilers write
    // it), length of the function.
    private ulong LengthAt(ulong entry, ulong start)
    {
        Span<byte> words = stackalloc byte[16];
        if (!TryReadVirtual(entry, words)) return 0;
        ulong first = Word.Wrap(entry + 8 + (ulong)BinaryPrimitives.ReadInt32LittleEndian(words[8..]));
        return first == start ? BinaryPrimitives.ReadUInt32LittleEndian(words[12..]) : 0;
    }
}
