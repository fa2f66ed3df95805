using Pannus.Core;
using System.Buffers.Binary;
using System.Text;

namespace Pannus.Authoring.Dwarf;

/// <summary>
/// Reads debug information. Error: <see cref="PatchErrorId.PatchFileInvalid"/> for what goes beyond the end.
/// </summary>
internal struct DwarfCursor(byte[] bytes, int position, int end, string name)
{
    private readonly int _end = Math.Min(end, bytes.Length);

    public int Position { get; private set; } = position;

    public readonly bool IsAtEnd => Position >= _end;

    public readonly PatchException Invalid(string what) =>
        new(PatchErrorId.PatchFileInvalid, $"{name}: damaged debug information at offset 0x{Position:x}: {what}.");

    public void Seek(long position)
    {
        if (position < 0 || position > _end) throw Invalid($"it points to 0x{position:x}");
        Position = (int)position;
    }

    public byte Byte() => Take(1)[0];

    public ushort Half() => BinaryPrimitives.ReadUInt16LittleEndian(Take(2));

    public uint Word() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    public ulong Xword() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

    public ulong Number(int size)
    {
        ReadOnlySpan<byte> taken = Take(size);
        ulong value = 0;
        for (int i = 0; i < Math.Min(size, 8); i++) value |= (ulong)taken[i] << (8 * i);
        return value;
    }

    /// <summary>The length of a unit and whether it is one of 64-bit DWARF (7.4).</summary>
    public ulong UnitLength(out int offsetSize)
    {
        uint length = Word();
        offsetSize = length == uint.MaxValue ? 8 : 4;
        ulong all = offsetSize == 8 ? Xword() : length;
        return all <= (ulong)(_end - Position) ? all : throw Invalid($"a unit of {all} bytes");
    }

    public ulong Unsigned()
    {
        ulong value = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte b = Byte();
            if (shift < 64) value |= (ulong)(b & 0x7f) << shift;
            if ((b & 0x80) == 0) return value;
        }
    }

    public long Signed()
    {
        long value = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte b = Byte();
            if (shift < 64) value |= (long)(b & 0x7f) << shift;
            if ((b & 0x80) != 0) continue;
            return shift + 7 < 64 && (b & 0x40) != 0 ? value | -1L << (shift + 7) : value;
        }
    }

    public ReadOnlySpan<byte> Take(ulong count)
    {
        if (count > (ulong)(_end - Position)) throw Invalid($"{count} bytes that aren't there");
        ReadOnlySpan<byte> taken = bytes.AsSpan(Position, (int)count);
        Position += (int)count;
        return taken;
    }

    public string Text()
    {
        int length = bytes.AsSpan(Position, _end - Position).IndexOf((byte)0);
        if (length < 0) throw Invalid("a text without an end");
        string text = Encoding.UTF8.GetString(bytes, Position, length);
        Position += length + 1;
        return text;
    }

    private ReadOnlySpan<byte> Take(int count) => Take((ulong)count);
}
