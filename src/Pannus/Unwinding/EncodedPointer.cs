using Pannus.Elf;

namespace Pannus.Unwinding;

/// <summary>DW_EH_PE_*: how .eh_frame and .eh_frame_hdr write addresses (LSB Core, "DWARF Exception Header Encoding").</summary>
internal static class EncodedPointer
{
    public const byte Omitted = 0xff, TableOfHeader = 0x3b, Word = 0x03, Signed32 = 0x0b;

    private const byte Indirect = 0x80, Absolute = 0, PcRelative = 0x10, DataRelative = 0x30;

    /// <summary>
    /// An address. <paramref name="here"/> is the address of the first byte read, <paramref name="data"/> what
    /// DW_EH_PE_datarel is relative to, 0 when that is not known. What cannot be computed here breaks the cursor.
    /// </summary>
    public static ulong Read(ref ByteCursor cursor, byte encoding, ulong here, ulong data, int wordSize)
    {
        ulong value = Format(ref cursor, encoding, wordSize);
        switch (encoding & 0xf0)
        {
            case Absolute: break;
            case PcRelative: value += here; break;
            case DataRelative when data != 0: value += data; break;
            default: cursor.Break(); break;
        }
        return wordSize == 4 ? (uint)value : value;
    }

    /// <summary>A length in the format of an encoding: it is relative to nothing.</summary>
    public static ulong ReadLength(ref ByteCursor cursor, byte encoding, int wordSize) => Format(ref cursor, (byte)(encoding & 0xf), wordSize);

    /// <summary>Passes over a pointer that does not matter here (the personality routine's).</summary>
    public static void Skip(ref ByteCursor cursor, byte encoding, int wordSize)
    {
        if (encoding != Omitted) _ = Format(ref cursor, (byte)(encoding & ~Indirect), wordSize);
    }

    private static ulong Format(ref ByteCursor cursor, byte encoding, int wordSize)
    {
        // DW_EH_PE_indirect, and DW_EH_PE_aligned (0x50), which moves what follows.
        if ((encoding & Indirect) != 0 || (encoding & 0x70) > DataRelative) cursor.Break();
        switch (encoding & 0xf)
        {
            case 0x0: return cursor.Address(wordSize);
            case 0x1: return cursor.Unsigned();
            case 0x2: return cursor.Half();
            case 0x3: return cursor.Word();
            case 0x4: return cursor.Xword();
            case 0x9: return (ulong)cursor.Signed();
            case 0xa: return (ulong)(short)cursor.Half();
            case 0xb: return (ulong)(int)cursor.Word();
            case 0xc: return cursor.Xword();
            default:
                cursor.Break();
                return 0;
        }
    }
}
