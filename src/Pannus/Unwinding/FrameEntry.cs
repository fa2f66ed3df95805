using Pannus.Elf;

namespace Pannus.Unwinding;

/// <summary>
/// A frame description entry with what its common information entry adds (LSB Core, "The .eh_frame section"; DWARF 5,
/// 6.4.1). Places are offsets in the section.
/// </summary>
internal struct FrameEntry
{
    /// <summary>First address of the function, of the file.</summary>
    public ulong Start;
    /// <summary>Its length in bytes.</summary>
    public ulong Length;
    public ulong CodeFactor;
    public long DataFactor;
    public int ReturnColumn;
    public bool IsSignalFrame;
    /// <summary>Whether a personality routine is asked when an exception comes through.</summary>
    public bool HasPersonality;
    public int InitialStart, InitialEnd, ProgramStart, ProgramEnd;
    /// <summary>Encoding of addresses.</summary>
    public byte Encoding;

    private bool _hasAugmentation;

    public readonly bool Contains(ulong address) => address - Start < Length;

    /// <summary>
    /// Reads the entry at an offset. False for a common entry, the end of the section, and whatever is not understood.
    /// <paramref name="next"/> is the offset of the entry behind it, or -1.
    /// </summary>
    public static bool TryRead(ReadOnlySpan<byte> section, ulong address, int offset, int wordSize, out FrameEntry entry, out int next)
    {
        entry = default;
        if (!TryBegin(section, offset, out ByteCursor cursor, out int end, out uint id))
        {
            next = -1;
            return false;
        }
        next = end;
        // The distance from the field itself back to the common entry; 0 in the common entry.
        long common = cursor.Position - 4 - (long)id;
        if (id == 0 || common < 0 || !entry.TryReadCommon(section, address, (int)common, wordSize)) return false;
        entry.Start = EncodedPointer.Read(ref cursor, entry.Encoding, address + (ulong)cursor.Position, 0, wordSize);
        entry.Length = EncodedPointer.ReadLength(ref cursor, entry.Encoding, wordSize);
        if (entry._hasAugmentation) _ = cursor.Skip(cursor.Small());
        if (cursor.IsBroken || entry.Start + entry.Length < entry.Start) return false;
        (entry.ProgramStart, entry.ProgramEnd) = (cursor.Position, end);
        return true;
    }

    private static bool TryBegin(ReadOnlySpan<byte> section, int offset, out ByteCursor cursor, out int end, out uint id)
    {
        var head = new ByteCursor(section, offset, section.Length);
        uint length = head.Word();
        // 0 ends the section. 0xffffffff is the 64-bit form, which no compiler writes here.
        end = length < int.MaxValue && !head.IsBroken ? head.Position + (int)length : -1;
        if (length == 0 || end < 0 || end > section.Length)
        {
            cursor = default;
            id = 0;
            return false;
        }
        cursor = new ByteCursor(section, head.Position, end);
        id = cursor.Word();
        return !cursor.IsBroken;
    }

    private bool TryReadCommon(ReadOnlySpan<byte> section, ulong address, int offset, int wordSize)
    {
        if (!TryBegin(section, offset, out ByteCursor cursor, out int end, out uint id) || id != 0) return false;
        byte version = cursor.Byte();
        if (version is not (1 or 3)) return false;
        int augmentation = cursor.Position;
        while (cursor.Byte() != 0) { }
        if (cursor.IsBroken) return false;
        ReadOnlySpan<byte> letters = section[augmentation..(cursor.Position - 1)];
        CodeFactor = cursor.Unsigned();
        DataFactor = cursor.Signed();
        ReturnColumn = version == 1 ? cursor.Byte() : cursor.Small();
        if (!TryReadAugmentation(letters, ref cursor, wordSize) || cursor.IsBroken) return false;
        (InitialStart, InitialEnd) = (cursor.Position, end);
        return true;
    }

    // An unknown letter may change what the instructions mean.
    private bool TryReadAugmentation(ReadOnlySpan<byte> letters, ref ByteCursor cursor, int wordSize)
    {
        if (letters.IsEmpty) return true;
        if (letters[0] != 'z') return false;
        _hasAugmentation = true;
        int length = cursor.Small(), end = cursor.Position + length;
        foreach (byte letter in letters[1..])
        {
            switch (letter)
            {
                case (byte)'R': Encoding = cursor.Byte(); break;
                case (byte)'P':
                    EncodedPointer.Skip(ref cursor, cursor.Byte(), wordSize);
                    HasPersonality = true;
                    break;
                case (byte)'L': _ = cursor.Byte(); break;
                case (byte)'S': IsSignalFrame = true; break;
                default: return false;
            }
        }
        if (cursor.IsBroken || cursor.Position > end) return false;
        _ = cursor.Skip(end - cursor.Position);
        return true;
    }
}
