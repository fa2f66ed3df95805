using System.Buffers.Binary;

namespace Pannus.Core;

/// <summary>A word of a target, which is also the size of its pointers.</summary>
/// <param name="Size">4 or 8 bytes.</param>
internal readonly record struct MachineWord(int Size)
{
    /// <summary>The word at the start of some bytes.</summary>
    public ulong Read(ReadOnlySpan<byte> bytes) => Size == 8
        ? BinaryPrimitives.ReadUInt64LittleEndian(bytes) : BinaryPrimitives.ReadUInt32LittleEndian(bytes);

    /// <summary>Writes a word; of a number with more bits, the low ones.</summary>
    public void Write(Span<byte> bytes, ulong value)
    {
        if (Size == 8) BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        else BinaryPrimitives.WriteUInt32LittleEndian(bytes, (uint)value);
    }

    /// <summary>A sum of addresses as the machine would have it: modulo the size of a word.</summary>
    public ulong Wrap(ulong address) => Size == 8 ? address : (uint)address;

    /// <summary>The bytes of a word.</summary>
    public byte[] Bytes(ulong value)
    {
        byte[] bytes = new byte[Size];
        Write(bytes, value);
        return bytes;
    }

    /// <summary>A word of memory; null when it cannot be read.</summary>
    public ulong? TryRead(IMemoryReader memory, ulong address)
    {
        Span<byte> word = stackalloc byte[Size];
        return memory.Read(address, word) == word.Length ? Read(word) : null;
    }
}
