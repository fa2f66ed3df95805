using Pannus.Core;
using Pannus.Machines;
using Pannus.Targets;

namespace Pannus.Borrowing;

/// <summary>What a step of a remote program has to do with the descriptor that the program opens.</summary>
[Flags]
internal enum RemoteStepFlags
{
    None = 0,
    /// <summary>The result is the descriptor.</summary>
    KeepsDescriptor = 1,
    /// <summary>The first argument is the descriptor.</summary>
    FirstIsDescriptor = 2,
    /// <summary>The fifth argument is the descriptor.</summary>
    FifthIsDescriptor = 4,
    /// <summary>The descriptor is gone afterwards. Such a step is also run when one before it has failed.</summary>
    Closes = 8,
    /// <summary>The first argument is the address of the program's text.</summary>
    FirstIsText = 16,
    /// <summary>Not a syscall: calls the function at the first argument, which gets no arguments.</summary>
    CallsFunction = 32,
}

/// <summary>One syscall of a remote program.</summary>
internal sealed record RemoteStep(
    string Name, long Number, RemoteStepFlags Flags, ulong A = 0, ulong B = 0, ulong C = 0, ulong D = 0, ulong E = 0, ulong F = 0)
{
    public bool Has(RemoteStepFlags flag) => (Flags & flag) != 0;
}

/// <summary>What a thread of the target is borrowed for: syscalls, one after the other until one fails, or functions.</summary>
/// <param name="Abi">How.</param>
/// <param name="Steps">The syscalls.</param>
/// <param name="Text">
/// What a step may point to: the only memory of the target that the kernel reads for one. Other threads may change it.
/// </param>
internal sealed record RemoteProgram(RemoteAbi Abi, IReadOnlyList<RemoteStep> Steps, string Text)
{
    private const ulong MfdCloexec = 1, MapPrivate = 2, MapFixedNoReplace = 0x100000;

    /// <summary>memfd_create, ftruncate, one mmap for each segment, close.</summary>
    public static RemoteProgram Map(RemoteAbi abi, MapRequest request)
    {
        var steps = new List<RemoteStep>
        {
            new("memfd_create", abi.MemfdCreate, RemoteStepFlags.KeepsDescriptor | RemoteStepFlags.FirstIsText, 0, MfdCloexec),
            new("ftruncate", abi.Ftruncate, RemoteStepFlags.FirstIsDescriptor, 0, request.FileSize),
        };
        // The record's first: by it what a patcher left that died half way is known for what it is.
        foreach (MapSegment s in request.Segments.OrderByDescending(s => s.Offset))
        {
            steps.Add(new("mmap", abi.Mmap, RemoteStepFlags.FifthIsDescriptor, s.Address, s.Length,
                Protection(s.Access), MapPrivate | MapFixedNoReplace, 0, abi.MmapOffset(s.Offset)));
        }
        steps.Add(new("close", abi.Close, RemoteStepFlags.FirstIsDescriptor | RemoteStepFlags.Closes));
        return new RemoteProgram(abi, steps, request.MemfdName);
    }

    /// <summary>One munmap for each segment.</summary>
    public static RemoteProgram Unmap(RemoteAbi abi, MapRequest request) => new(
        abi, [.. request.Segments.Select(s => new RemoteStep("munmap", abi.Munmap, RemoteStepFlags.None, s.Address, s.Length))], "");

    /// <summary>Calls functions that take nothing and return an address: IFUNC resolvers.</summary>
    public static RemoteProgram Call(RemoteAbi abi, IReadOnlyList<ulong> functions) => new(
        abi, [.. functions.Select(f => new RemoteStep("call", 0, RemoteStepFlags.CallsFunction, f))], "");

    /// <summary>Whether functions are called, which may change the thread's vector registers; the stub and syscalls don't.</summary>
    public bool CallsFunctions { get; } = Steps.Any(s => s.Has(RemoteStepFlags.CallsFunction));

    private static ulong Protection(MemoryAccess access) => (ulong)(access & ~MemoryAccess.Shared);
}
