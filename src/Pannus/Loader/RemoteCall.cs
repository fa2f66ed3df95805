using System.Buffers.Binary;
using System.Diagnostics;
using Pannus.Controller;
using Pannus.Interop;
using Pannus.Target;

namespace Pannus.Loader;

/// <summary>What came of a remote call.</summary>
/// <param name="Pause">How long its thread was taken.</param>
/// <param name="Results">Result of each step, -errno as ever; null when the thread had gone home before they were read.</param>
internal sealed record RemoteResult(TimeSpan Pause, IReadOnlyList<long>? Results);

/// <summary>
/// Runs a <see cref="RemoteProgram"/> in a thread of the target. Only that thread is stopped, once.
/// </summary>
/// <remarks>
/// The algorithm, in the order that keeps the target alive if this process dies between any two lines:
/// 1. the thread stops; its registers, vector state and signal mask are read;
/// 2. list, signal frame (on its stack, under the red zone) and stub (in a code cave) are written: bytes nobody uses;
/// 3. its registers are set to the stub. From here on it ends in rt_sigreturn by itself;
/// 4. its signals are blocked (the frame unblocks them), and it runs;
/// 5. its last step is a short sleep. Caught there, it gets its signal mask and then its own registers back, orig_rax
///    included, so that the kernel restarts the syscall it was in as after any stop. Missed there, it has healed itself.
/// </remarks>
internal sealed class RemoteCall(TargetProcess target)
{
    private const int RedZone = 128, CallStack = 16 * 1024, Alignment = 64;
    private static readonly TimeSpan s_stopTimeout = TimeSpan.FromMilliseconds(250), s_runTimeout = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Runs the program. Errors: <see cref="PatchErrorId.SeccompBlocked"/>, <see cref="PatchErrorId.TargetTraced"/>,
    /// <see cref="PatchErrorId.AccessDenied"/>, <see cref="PatchErrorId.StopTimeout"/> when no thread could be used in
    /// <paramref name="timeout"/>.
    /// </summary>
    public RemoteResult Run(RemoteProgram program, TimeSpan timeout, CancellationToken cancellation)
    {
        RemoteResult? result = null;
        TracerThread.Run("pannus-loader", () => result = FindThreadAndRun(program, timeout, cancellation));
        return result!;
    }

    private RemoteResult FindThreadAndRun(RemoteProgram program, TimeSpan timeout, CancellationToken cancellation)
    {
        long options = SeccompOption();
        ulong cave = CodeCave.Find(target, RemoteStub.Code.Length);
        long start = Stopwatch.GetTimestamp();
        do
        {
            foreach (int tid in HijackCandidates.Of(target.Id))
            {
                if (cancellation.IsCancellationRequested)
                    throw new PatchException(PatchErrorId.Interrupted, "Interrupted before the target was touched.");
                target.CheckStillThere();
                using var thread = HijackedThread.TryTake(target, tid, options, s_stopTimeout);
                if (thread is not null && TryRun(thread, cave, program) is { } result) return result;
            }
            Thread.Sleep(2);
        }
        while (Stopwatch.GetElapsedTime(start) < timeout);
        target.CheckStillThere();
        throw new PatchException(PatchErrorId.StopTimeout,
            $"No thread of {target.DisplayName} could be borrowed to map the patch within {timeout.TotalSeconds:0.###} s: each was "
            + "in an uninterruptible wait, in a signal handler, or on a stack that is not its own. Nothing was changed; try again.");
    }

    private long SeccompOption()
    {
        if (ProcessStatus.TryRead(target.ViewId) is not { Seccomp: not 0 } status) return 0;
        if (TargetAccess.CanSuspendSeccomp) return Ptrace.OptionSuspendSeccomp;
        throw TargetAccess.SeccompBlocks(target.DisplayName, status);
    }

    private RemoteResult? TryRun(HijackedThread thread, ulong cave, RemoteProgram program)
    {
        X64Registers r = thread.Registers;
        if (r.Cs == X64Registers.User32Cs)
        {
            throw new PatchException(PatchErrorId.ArchitectureMismatch,
                $"{target.DisplayName} runs 32-bit code, which Pannus cannot patch yet.");
        }
        int frameSize = SignalFrame.Size(thread.Vectors.Length);
        ulong frameAt = (r.Rsp - RedZone - (ulong)frameSize) & ~(ulong)(Alignment - 1);
        ulong listAt = (frameAt - (ulong)program.EncodedSize) & ~(ulong)(Alignment - 1);
        if (!IsOwnStack(r, listAt - CallStack)) return null;

        byte[] stack = new byte[frameAt + (ulong)frameSize - listAt];
        program.Encode(listAt).CopyTo(stack, 0);
        SignalFrame.Build(stack.AsSpan((int)(frameAt - listAt)), frameAt, thread.AsAfterStop, thread.SignalMask, thread.Vectors);
        byte[] cave0 = new byte[RemoteStub.Code.Length];
        if (target.Memory.Read(cave, cave0) != cave0.Length) return null;

        var stub = r with
        {
            Rip = cave, Rsp = listAt, Rbx = listAt, Rbp = frameAt, R12 = ulong.MaxValue, R13 = 0,
            Rax = 0, OrigRax = ulong.MaxValue, Eflags = r.Eflags & ~X64Registers.TrapAndDirectionFlags,
        };
        Write(listAt, stack);
        Write(cave, RemoteStub.Code);
        bool returned = false;
        IReadOnlyList<long>? results;
        try
        {
            thread.Start(stub);
            WaitForLastStep(listAt + (ulong)(program.Steps.Count * RemoteStub.RecordSize));
            results = ReadResults(listAt, program.Steps.Count);
            returned = thread.TakeBack(cave, cave + (ulong)RemoteStub.Code.Length, s_runTimeout);
        }
        finally
        {
            // The stub may go only when the thread is known to be out of it.
            if (returned || !target.IsAlive) _ = target.WritableMemory.Write(cave, cave0);
        }
        if (!returned)
        {
            throw new PatchException(PatchErrorId.StopTimeout,
                $"Thread {thread.Id} of {target.DisplayName} did not finish mapping within {s_runTimeout.TotalSeconds:0} s. It was let "
                + "go and returns to its work by itself.");
        }
        return new RemoteResult(thread.Release(), results);
    }

    // The thread is in the last step when the step before it has a result; with no step before it, when it runs.
    private void WaitForLastStep(ulong lastStep)
    {
        long start = Stopwatch.GetTimestamp();
        Span<byte> word = stackalloc byte[8];
        for (int round = 0; Stopwatch.GetElapsedTime(start) < s_runTimeout; round++)
        {
            ulong result = lastStep - RemoteStub.RecordSize + RemoteStub.ResultOffset;
            if (target.Memory.Read(result, word) != word.Length) return;
            if (BinaryPrimitives.ReadUInt64LittleEndian(word) != RemoteStub.NotYetRun) return;
            Backoff.Spin(round);
        }
    }

    // The list lies on the thread's stack, and is whole only as long as the thread sleeps in the last step.
    private long[]? ReadResults(ulong listAt, int count)
    {
        byte[] list = new byte[(count + 1) * RemoteStub.RecordSize];
        if (target.Memory.Read(listAt, list) != list.Length) return null;
        ulong Result(int i) =>
            BinaryPrimitives.ReadUInt64LittleEndian(list.AsSpan(i * RemoteStub.RecordSize + RemoteStub.ResultOffset));
        return Result(count) == RemoteStub.NotYetRun ? [.. Enumerable.Range(0, count).Select(i => (long)Result(i))] : null;
    }

    // Bytes under the stack pointer are free only on a stack that nobody else keeps data on: the main thread's, or one
    // that ends in the thread's own control block (pthreads). A coroutine's stack may be a few bytes in somebody's heap.
    private bool IsOwnStack(in X64Registers registers, ulong lowest)
    {
        if (target.Map.Find(registers.Rsp) is not { } region) return false;
        if ((region.Access & (MemoryAccess.Write | MemoryAccess.Shared)) != MemoryAccess.Write) return false;
        if (lowest < region.Start || lowest > registers.Rsp) return false;
        return region.Path == "[stack]" || (region.Contains(registers.FsBase) && registers.FsBase > registers.Rsp);
    }

    private void Write(ulong address, ReadOnlySpan<byte> data)
    {
        if (target.WritableMemory.Write(address, data) == data.Length) return;
        target.CheckStillThere();
        throw new PatchException(PatchErrorId.MemoryInaccessible,
            $"The memory of {target.DisplayName} at 0x{address:x} cannot be written through /proc/{target.ViewId}/mem. "
            + "The kernel may restrict it (proc_mem.force_override).");
    }
}
