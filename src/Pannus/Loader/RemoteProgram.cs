using System.Buffers.Binary;
using System.Text;
using Pannus.Interop;
using Pannus.Target;

namespace Pannus.Loader;

/// <summary>What to do with the descriptor that a remote program opens.</summary>
[Flags]
internal enum RemoteStepFlags : ulong
{
    None = 0,
    /// <summary>The result is the descriptor.</summary>
    KeepsDescriptor = 1,
    /// <summary>The first argument is the descriptor.</summary>
    FirstIsDescriptor = 2,
    /// <summary>The fifth argument is the descriptor.</summary>
    FifthIsDescriptor = 4,
    /// <summary>Runs also after a step has failed.</summary>
    Always = 8,
    /// <summary>Not a syscall: calls the function at the first argument, which gets no arguments.</summary>
    CallsFunction = 16,
}

/// <summary>One syscall of a remote program.</summary>
internal sealed record RemoteStep(
    string Name, long Number, RemoteStepFlags Flags, ulong A = 0, ulong B = 0, ulong C = 0, ulong D = 0, ulong E = 0, ulong F = 0);

/// <summary>
/// A list of syscalls that a thread of the target runs in one go. A text that a step points to is put beside the list;
/// such a pointer is given as <see cref="TextPointer"/>.
/// </summary>
internal sealed record RemoteProgram(IReadOnlyList<RemoteStep> Steps, string Text)
{
    /// <summary>Stands for the address of <see cref="Text"/>.</summary>
    public const ulong TextPointer = 0xdead_7e87_0000_0000;

    private const ulong TimePointer = TextPointer + 1;

    private const int TailSize = 8 + 16;
    private const long CatchNanoseconds = 50_000_000;
    private const ulong MfdCloexec = 1, MapPrivate = 2, MapFixedNoReplace = 0x100000;

    /// <summary>memfd_create, ftruncate, one mmap for each segment, close.</summary>
    public static RemoteProgram Map(MapRequest request)
    {
        var steps = new List<RemoteStep>
        {
            new("memfd_create", Syscall.MemfdCreate, RemoteStepFlags.KeepsDescriptor, TextPointer, MfdCloexec),
            new("ftruncate", Syscall.Ftruncate, RemoteStepFlags.FirstIsDescriptor, 0, request.FileSize),
        };
        foreach (MapSegment s in request.Segments)
        {
            steps.Add(new("mmap", Syscall.Mmap, RemoteStepFlags.FifthIsDescriptor, s.Address, s.Length,
                Protection(s.Access), MapPrivate | MapFixedNoReplace, 0, s.Offset));
        }
        steps.Add(new("close", Syscall.Close, RemoteStepFlags.FirstIsDescriptor | RemoteStepFlags.Always));
        return new RemoteProgram(steps, request.MemfdName);
    }

    /// <summary>One munmap for each segment.</summary>
    public static RemoteProgram Unmap(MapRequest request) => new(
        [.. request.Segments.Select(s => new RemoteStep("munmap", Syscall.Munmap, RemoteStepFlags.None, s.Address, s.Length))], "");

    /// <summary>Calls functions that take nothing and return an address: IFUNC resolvers.</summary>
    public static RemoteProgram Call(IReadOnlyList<ulong> functions) => new(
        [.. functions.Select(f => new RemoteStep("call", 0, RemoteStepFlags.CallsFunction, f))], "");

    /// <summary>Bytes that <see cref="Encode"/> gives.</summary>
    public int EncodedSize => (Steps.Count + 1) * RemoteStub.RecordSize + TailSize + Encoding.UTF8.GetByteCount(Text) + 1;

    /// <summary>
    /// The list as the stub reads it: the steps, one more in which the thread waits to be caught, the end mark, and what
    /// the steps point to. Pointers are filled in by <see cref="Locate"/>.
    /// </summary>
    public byte[] Encode()
    {
        byte[] data = new byte[EncodedSize];
        // pselect6 with no descriptors is a sleep that, other than nanosleep, leaves alone what the kernel has kept to
        // restart the call that the thread was taken out of (restart_syscall(2)).
        var wait = new RemoteStep("pselect6", Syscall.Pselect6, RemoteStepFlags.Always, E: TimePointer);
        int at = 0;
        foreach (RemoteStep s in Steps.Append(wait))
        {
            ReadOnlySpan<ulong> words =
                [(ulong)s.Number, s.A, s.B, s.C, s.D, s.E, s.F, (ulong)s.Flags, RemoteStub.NotYetRun];
            foreach (ulong word in words)
            {
                BinaryPrimitives.WriteUInt64LittleEndian(data.AsSpan(at), word);
                at += 8;
            }
        }
        BinaryPrimitives.WriteUInt64LittleEndian(data.AsSpan(at), RemoteStub.EndOfList);
        // struct timespec: no seconds, then nanoseconds.
        BinaryPrimitives.WriteInt64LittleEndian(data.AsSpan(at + 16), CatchNanoseconds);
        Encoding.UTF8.GetBytes(Text).CopyTo(data, at + TailSize);
        return data;
    }

    /// <summary>Fills the pointers of an encoded list in, for the address at which it will lie.</summary>
    public void Locate(Span<byte> data, ulong address)
    {
        int tail = (Steps.Count + 1) * RemoteStub.RecordSize;
        for (int at = 0; at < tail; at += 8)
        {
            ulong word = BinaryPrimitives.ReadUInt64LittleEndian(data[at..]);
            if (word == TextPointer) BinaryPrimitives.WriteUInt64LittleEndian(data[at..], address + (ulong)(tail + TailSize));
            else if (word == TimePointer) BinaryPrimitives.WriteUInt64LittleEndian(data[at..], address + (ulong)tail + 8);
        }
    }

    private static ulong Protection(MemoryAccess access) => (ulong)(access & ~MemoryAccess.Shared);
}
