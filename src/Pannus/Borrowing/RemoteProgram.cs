using System.Text;
using Pannus.Core;
using Pannus.Machines;
using Pannus.Targets;

namespace Pannus.Borrowing;

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
/// A list of syscalls that a thread of the target runs in one go. A text that a step's first argument points to is put
/// beside the list; such a pointer is given as <see cref="TextPointer"/>.
/// </summary>
internal sealed record RemoteProgram(RemoteAbi Abi, IReadOnlyList<RemoteStep> Steps, string Text)
{
    /// <summary>Stands for the address of <see cref="Text"/>.</summary>
    public const ulong TextPointer = 0xdead_7e87_0000_0000;

    private const ulong CatchNanoseconds = 50_000_000;
    private const ulong MfdCloexec = 1, MapPrivate = 2, MapFixedNoReplace = 0x100000;

    /// <summary>memfd_create, ftruncate, one mmap for each segment, close.</summary>
    public static RemoteProgram Map(RemoteAbi abi, MapRequest request)
    {
        var steps = new List<RemoteStep>
        {
            new("memfd_create", abi.MemfdCreate, RemoteStepFlags.KeepsDescriptor, TextPointer, MfdCloexec),
            new("ftruncate", abi.Ftruncate, RemoteStepFlags.FirstIsDescriptor, 0, request.FileSize),
        };
        foreach (MapSegment s in request.Segments)
        {
            steps.Add(new("mmap", abi.Mmap, RemoteStepFlags.FifthIsDescriptor, s.Address, s.Length,
                Protection(s.Access), MapPrivate | MapFixedNoReplace, 0, abi.MmapOffset(s.Offset)));
        }
        steps.Add(new("close", abi.Close, RemoteStepFlags.FirstIsDescriptor | RemoteStepFlags.Always));
        return new RemoteProgram(abi, steps, request.MemfdName);
    }

    /// <summary>One munmap for each segment.</summary>
    public static RemoteProgram Unmap(RemoteAbi abi, MapRequest request) => new(
        abi, [.. request.Segments.Select(s => new RemoteStep("munmap", abi.Munmap, RemoteStepFlags.None, s.Address, s.Length))], "");

    /// <summary>Calls functions that take nothing and return an address: IFUNC resolvers.</summary>
    public static RemoteProgram Call(RemoteAbi abi, IReadOnlyList<ulong> functions) => new(
        abi, [.. functions.Select(f => new RemoteStep("call", 0, RemoteStepFlags.CallsFunction, f))], "");

    /// <summary>Whether the thread's vector registers stay as they are: neither the stub nor a syscall changes them.</summary>
    public bool KeepsVectors { get; } = Steps.All(s => !s.Flags.HasFlag(RemoteStepFlags.CallsFunction));

    /// <summary>Bytes that <see cref="Encode"/> gives.</summary>
    public int EncodedSize => TextAt + Encoding.UTF8.GetByteCount(Text) + 1;

    // Behind the records: the end mark, struct timespec (seconds, nanoseconds), and the text.
    private int EndAt => (Steps.Count + 1) * Abi.RecordSize;
    private int TimeAt => EndAt + Abi.Word.Size;
    private int TextAt => TimeAt + 2 * Abi.Word.Size;

    /// <summary>
    /// The list as the stub reads it: the steps, one more in which the thread waits to be caught, the end mark, and what
    /// the steps point to. Pointers are filled in by <see cref="Locate"/>.
    /// </summary>
    public byte[] Encode()
    {
        byte[] data = new byte[EncodedSize];
        // pselect6 with no descriptors is a sleep that, other than nanosleep, leaves alone what the kernel has kept to
        // restart the call that the thread was taken out of (restart_syscall(2)).
        var wait = new RemoteStep("pselect6", Abi.Pselect6, RemoteStepFlags.Always);
        int at = 0;
        foreach (RemoteStep s in Steps.Append(wait))
        {
            ReadOnlySpan<ulong> words =
                [(ulong)s.Number, s.A, s.B, s.C, s.D, s.E, s.F, (ulong)s.Flags, Abi.NotYetRun];
            foreach (ulong word in words)
            {
                Write(data, at, word);
                at += Abi.Word.Size;
            }
        }
        Write(data, EndAt, Abi.EndOfList);
        Write(data, TimeAt + Abi.Word.Size, CatchNanoseconds);
        Encoding.UTF8.GetBytes(Text).CopyTo(data, TextAt);
        return data;
    }

    /// <summary>Fills the pointers of an encoded list in, for the address at which it will lie.</summary>
    public void Locate(Span<byte> data, ulong address)
    {
        const int firstArgument = 1, fifthArgument = 5;
        for (int i = 0; i < Steps.Count; i++)
            if (Steps[i].A == TextPointer) Write(data, i * Abi.RecordSize + firstArgument * Abi.Word.Size, address + (ulong)TextAt);
        Write(data, Steps.Count * Abi.RecordSize + fifthArgument * Abi.Word.Size, address + (ulong)TimeAt);
    }

    private void Write(Span<byte> data, int at, ulong word) => Abi.Word.Write(data[at..], word);

    private static ulong Protection(MemoryAccess access) => (ulong)(access & ~MemoryAccess.Shared);
}
