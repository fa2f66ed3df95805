using System.Buffers.Binary;
using Pannus.Core;
using Pannus.Linux;

namespace Pannus.Targets;

/// <summary>
/// The 16 random bytes that the kernel gives each program that it starts (AT_RANDOM, getauxval(3)), by which the memory that
/// was looked at is told from that of another program which the process has become since.
/// </summary>
/// <remarks>
/// A target can write these bytes and say that they lie elsewhere, but not what they are in a program that it starts: all it
/// could do is to give away its own memory for that of another program of its own. A thread that is borrowed has a proof
/// besides, which is made up for it (RemoteStack).
/// </remarks>
internal sealed class ExecMark
{
    private const int Size = 16;
    private const ulong RandomTag = 25;

    private readonly ulong _address;

    private ExecMark(ulong address) => _address = address;

    /// <summary>Finds it; where a program has none it is what the program begins with.</summary>
    public static ExecMark Find(TargetProcess target) => new(
        AuxiliaryVector.Find(target, target.Architecture.Word, RandomTag) ?? target.Executable.Start);

    /// <summary>Whether a thread that the calling thread has stopped has it as the memory has it. Allocates nothing.</summary>
    public bool IsSeenBy(IMemoryReader memory, int tid)
    {
        Span<byte> opened = stackalloc byte[Size];
        Span<ulong> now = stackalloc ulong[Size / sizeof(ulong)];
        return memory.Read(_address, opened) == Size && Ptrace.Peek(tid, _address, now) == 0
            && BinaryPrimitives.ReadUInt64LittleEndian(opened) == now[0]
            && BinaryPrimitives.ReadUInt64LittleEndian(opened[sizeof(ulong)..]) == now[1];
    }

    /// <summary>Whether the memory in a file of /proc, by its path with a NUL, has it as well. Allocates nothing.</summary>
    public bool IsIn(IMemoryReader memory, ReadOnlySpan<byte> path)
    {
        Span<byte> opened = stackalloc byte[Size], now = stackalloc byte[Size];
        return memory.Read(_address, opened) == Size && Descriptor.ReadOnce(path, (long)_address, now) == Size
            && opened.SequenceEqual(now);
    }
}
