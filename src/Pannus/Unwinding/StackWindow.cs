using Pannus.Core;
using Pannus.Machines;

namespace Pannus.Unwinding;

/// <summary>
/// The part of a stack that is being looked at, read in one go: the pages above the stack pointer, where nearly all stacks
/// end. A deeper one takes a few more reads, each larger than the last.
/// </summary>
internal sealed class StackWindow(IMemoryReader memory, UnwindMachine machine)
{
    private const int FirstRead = 8 << 10, LargestRead = 64 << 10;

    private readonly byte[] _buffer = new byte[LargestRead];
    private ulong _start;
    private int _length, _next = FirstRead;

    /// <summary>Where it reads from.</summary>
    public IMemoryReader Memory => memory;

    /// <summary>Forgets what was read.</summary>
    public void Reset() => (_length, _next) = (0, FirstRead);

    /// <summary>Reads a word of the machine.</summary>
    public bool TryReadWord(ulong address, out ulong value) => TryRead(address, machine.WordSize, out value);

    /// <summary>Reads 1, 2, 4 or 8 bytes.</summary>
    public bool TryRead(ulong address, int size, out ulong value)
    {
        value = 0;
        ReadOnlySpan<byte> bytes = Read(address, size);
        if (bytes.Length < size) return false;
        for (int i = size - 1; i >= 0; i--) value = value << 8 | bytes[i];
        return true;
    }

    /// <summary>Up to <paramref name="length"/> bytes; fewer where there are no more, or more than the window holds.</summary>
    public ReadOnlySpan<byte> Read(ulong address, int length)
    {
        if (address - _start >= (ulong)_length || (ulong)length > (ulong)_length - (address - _start)) Fill(address, length);
        if (address - _start >= (ulong)_length) return default;
        ReadOnlySpan<byte> rest = _buffer.AsSpan(0, _length)[(int)(address - _start)..];
        return rest[..Math.Min(length, rest.Length)];
    }

    private void Fill(ulong address, int length)
    {
        bool isNext = _length > 0 && address >= _start && address - _start < LargestRead * 2;
        _next = isNext ? Math.Min(_next * 4, LargestRead) : FirstRead;
        int toPage = Page.Size - (int)(address - Page.Down(address));
        int wanted = Math.Min(Math.Max(_next + toPage, length), _buffer.Length);
        _start = address;
        _length = Memory.Read(address, _buffer.AsSpan(0, wanted));
    }
}
