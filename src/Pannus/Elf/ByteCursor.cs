using System.Buffers.Binary;

namespace Pannus.Elf;

/// <summary>
/// Reads call frame and debug information. It runs while a target is held and any bytes may be given, so a wrong one is no
/// exception: <see cref="IsBroken"/> is set, and all that is read from then on is 0.
/// </summary>
internal ref struct ByteCursor(ReadOnlySpan<byte> bytes, int position, int end)
{
    private readonly ReadOnlySpan<byte> _bytes = bytes;
    private readonly int _end = Math.Min(end, bytes.Length);

    public int Position { get; private set; } = position;

    public bool IsBroken { get; private set; }

    public readonly bool IsAtEnd => IsBroken || Position >= _end;

    public void Break() => IsBroken = true;

    public byte Byte() => Take(1) is { IsEmpty: false } b ? b[0] : (byte)0;

    public ushort Half() => Take(2) is { IsEmpty: false } b ? BinaryPrimitives.ReadUInt16LittleEndian(b) : (ushort)0;

    public uint Word() => Take(4) is { IsEmpty: false } b ? BinaryPrimitives.ReadUInt32LittleEndian(b) : 0;

    public ulong Xword() => Take(8) is { IsEmpty: false } b ? BinaryPrimitives.ReadUInt64LittleEndian(b) : 0;

    /// <summary>An address of the machine.</summary>
    public ulong Address(int size) => size == 8 ? Xword() : Word();

    /// <summary>LEB128 (DWARF 5, 7.6). One that does not fit 64 bits is broken.</summary>
    public ulong Unsigned()
    {
        ulong value = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte b = Byte();
            if (IsBroken || shift > 63 || (shift == 63 && (b & 0x7e) != 0)) return Fail();
            value |= (ulong)(b & 0x7f) << shift;
            if ((b & 0x80) == 0) return value;
        }
    }

    /// <summary>Signed LEB128.</summary>
    public long Signed()
    {
        long value = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte b = Byte();
            if (IsBroken || shift > 63) return (long)Fail();
            value |= (long)(b & 0x7f) << shift;
            if ((b & 0x80) != 0) continue;
            return shift + 7 < 64 && (b & 0x40) != 0 ? value | -1L << (shift + 7) : value;
        }
    }

    /// <summary>An unsigned LEB128 that must be a length or a small number.</summary>
    public int Small()
    {
        ulong value = Unsigned();
        return value <= int.MaxValue ? (int)value : (int)Fail();
    }

    /// <summary>Passes over bytes and gives where they began.</summary>
    public int Skip(int count)
    {
        int start = Position;
        if (IsBroken || count < 0 || count > _end - Position) _ = Fail();
        else Position += count;
        return start;
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (IsBroken || Position < 0 || count > _end - Position)
        {
            IsBroken = true;
            return default;
        }
        Position += count;
        return _bytes.Slice(Position - count, count);
    }

    private ulong Fail()
    {
        IsBroken = true;
        return 0;
    }
}
