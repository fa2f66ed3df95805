using Pannus.Core;
using Pannus.Elf;

namespace Pannus.Tests.Elf;

/// <summary>Memory that holds some bytes at address 0 and nothing else.</summary>
internal sealed class Bytes(byte[] content) : IMemoryReader
{
    public int Read(ulong address, Span<byte> buffer)
    {
        if (address >= (ulong)content.Length) return 0;
        int count = (int)Math.Min((ulong)buffer.Length, (ulong)content.Length - address);
        content.AsSpan((int)address, count).CopyTo(buffer);
        return count;
    }
}

/// <summary>A library as the dynamic linker maps it, its dynamic section relocated as glibc does.</summary>
internal sealed class MappedFile(ElfImage file, ulong start) : IMemoryReader
{
    public ulong Start => start;

    public int Read(ulong address, Span<byte> buffer)
    {
        // The largest part of the buffer that one segment holds.
        for (int length = buffer.Length; length > 0; length /= 2)
            if (file.TryReadVirtual(address - start, buffer[..length])) return length;
        return 0;
    }
}
