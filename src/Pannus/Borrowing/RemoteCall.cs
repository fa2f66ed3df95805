using System.Diagnostics;
using System.Runtime.InteropServices;
using Pannus.Core;
using Pannus.Holding;
using Pannus.Linux;
using Pannus.Targets;

namespace Pannus.Borrowing;

/// <summary>What came of a remote call.</summary>
/// <param name="Pause">How long its thread was taken.</param>
/// <param name="Results">Result of each step, -errno as ever.</param>
internal sealed record RemoteResult(TimeSpan Pause, IReadOnlyList<long> Results);

/// <summary>
/// Runs a <see cref="RemoteProgram"/> in a thread of the target. Only that thread is stopped.
/// </summary>
/// <remarks>
/// The algorithm, in the order that keeps the target alive if this process dies between any two lines:
/// 1. the thread stops, and proves to be the target's, in the memory that was looked at; its registers, vector state and
///    signal mask are read;
/// 2. signal frame (on its stack, under the red zone) and stub (in a code cave) are written: bytes nobody uses;
/// 3. its registers are set to the stub. From here on it ends in rt_sigreturn by itself;
/// 4. its signals are blocked (the frame unblocks them), and it is led from call to call (<see cref="RemoteRun"/>);
/// 5. it gets its signal mask and then its own registers back, orig_rax included, so that the kernel restarts the syscall
///    it was in as after any stop. Where that fails it goes home by the stub.
/// </remarks>
internal sealed class RemoteCall
{
    private static readonly TimeSpan s_stopTimeout = TimeSpan.FromMilliseconds(250), s_lateStop = TimeSpan.FromSeconds(5),
        s_longest = TimeSpan.FromMilliseconds(100);

    private readonly TargetProcess _target;
    private readonly RemoteProgram _program;
    private readonly RemoteStack _stack;
    private readonly RemoteRun _run;
    private readonly BorrowedThread _thread = new();
    private readonly byte[] _cave;
    private readonly ulong _caveAt;
    private TracerPriority _priority;
    private bool _hasStub;

    private RemoteCall(TargetProcess target, RemoteProgram program)
    {
        _target = target;
        _program = program;
        _cave = new byte[program.Abi.Stub.Length];
        _caveAt = CodeCave.Find(target, _cave.Length);
        _stack = new RemoteStack(program, _caveAt);
        _run = new RemoteRun(program, _stack, _caveAt);
    }

    /// <summary>
    /// Runs a program. Errors: <see cref="PatchErrorId.SeccompBlocked"/>, <see cref="PatchErrorId.TargetTraced"/>,
    /// <see cref="PatchErrorId.AccessDenied"/>, <see cref="PatchErrorId.StopTimeout"/> when no thread could be used in
    /// <paramref name="timeout"/>.
    /// </summary>
    public static RemoteResult Run(
        TargetProcess target, RemoteProgram program, TimeSpan timeout, CancellationToken cancellation)
    {
        RemoteResult? result = null;
        var call = new RemoteCall(target, program);
        CaveRepair.Run(target, call._caveAt, program.Abi.Stub, timeout);
        try
        {
            using WakefulProcessors awake = WakefulProcessors.Request();
            using var timer = ContinueTimer.Start(s_longest);
            TracerThread.Run("pannus-loader", target, () =>
            {
                call.Rehearse();
                try
                {
                    result = call.FindThreadAndRun(timeout, cancellation);
                }
                finally
                {
                    call._thread.ReleaseLate(s_lateStop);
                    call._thread.Dispose();
                }
            });
        }
        finally
        {
            if (call._thread.IsOnItsWay && target.IsAlive) CaveRepair.TryRun(target, call._caveAt, program.Abi.Stub, timeout);
        }
        return result!;
    }

    private RemoteResult FindThreadAndRun(TimeSpan timeout, CancellationToken cancellation)
    {
        ProcessMemory memory = _target.WritableMemory;
        if (memory.Read(_caveAt, _cave) != _cave.Length)
        {
            throw new PatchException(PatchErrorId.MemoryInaccessible,
                $"The code of {_target.DisplayName} cannot be read.");
        }
        try
        {
            return TryThreads(memory, timeout, cancellation);
        }
        finally
        {
            // The stub may go only when no thread is in it.
            if (_hasStub && (!_thread.IsOnItsWay || !_target.IsAlive)) _ = memory.Write(_caveAt, _cave);
        }
    }

    private RemoteResult TryThreads(ProcessMemory memory, TimeSpan timeout, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        do
        {
            string? obstacle = null;
            bool isHopeless = true;
            var placement = new TracerPlacement();
            foreach (int tid in BorrowCandidates.Of(_target, placement))
            {
                if (Stopwatch.GetElapsedTime(start) > timeout) break;
                if (cancellation.IsCancellationRequested)
                {
                    throw new PatchException(PatchErrorId.Interrupted,
                        $"Interrupted before {_target.DisplayName} was touched.");
                }
                _target.CheckStillThere();
                _priority.Raise();
                try
                {
                    if (_thread.TryTake(_target, tid, s_stopTimeout, placement) && TryRun(memory))
                        return new RemoteResult(_thread.Release(), _run.Results);
                }
                finally
                {
                    _ = _thread.Release();
                    _priority.Lower();
                }
                obstacle ??= _thread.Obstacle;
                isHopeless &= _thread.Obstacle is not null;
            }
            if (isHopeless && obstacle is not null) throw CannotBeBorrowed(obstacle);
            Thread.Sleep(2);
        }
        while (Stopwatch.GetElapsedTime(start) < timeout);
        _target.CheckStillThere();
        throw new PatchException(PatchErrorId.StopTimeout,
            $"No thread of {_target.DisplayName} could be borrowed to map the patch within {timeout.TotalSeconds:0.###} s: "
            + "each was in an uninterruptible wait, in a signal handler, in a restartable sequence, or on a stack that is not "
            + "its own. Nothing was changed; try again.");
    }

    private PatchException CannotBeBorrowed(string obstacle) =>
        obstacle == BorrowedThread.Seccomp && ProcessStatus.TryRead(_thread.Id) is { Seccomp: not 0 } status
            ? TargetAccess.SeccompBlocks(_target.DisplayName, status)
            : new PatchException(PatchErrorId.SeccompBlocked,
                $"No thread of {_target.DisplayName} can be borrowed to map the patch: each of them {obstacle}. Nothing was "
                + "changed. Patch it before it begins that, or on a kernel with the Pannus syscalls, which needs no thread.");

    // False: this thread can't be used. Allocates nothing, as the thread is held.
    private bool TryRun(ProcessMemory memory)
    {
        ref readonly X64Registers r = ref _thread.Registers;
        // A program of one word size may run code of the other for a while.
        if (!_program.Abi.CanRun(r)) return false;
        _stack.Place(_thread);
        if (!IsOwnStack(r, _stack.Lowest)) return false;
        _hasStub = true;
        if (memory.Write(_stack.Start, _stack.Bytes) != _stack.Bytes.Length
            || memory.Write(_caveAt, _program.Abi.Stub) != _cave.Length)
        {
            throw new PatchException(PatchErrorId.MemoryInaccessible,
                $"The memory of {_target.DisplayName} cannot be written through /proc/{_target.ViewId}/mem. The kernel may "
                + "restrict it (proc_mem.force_override).");
        }
        if (!_stack.IsSeenBy(_thread)) throw _target.HasStartedAnother();
        if (_run.TryRun(_thread, memory)) return true;
        // The stub may be in use, or on its way into the thread's own hands.
        _ = _run.TryGiveUp(_thread);
        int tid = _thread.Id;
        _ = _thread.Release();
        _target.CheckStillThere();
        throw new PatchException(PatchErrorId.StopTimeout,
            $"Thread {tid} of {_target.DisplayName} did not do the calls that map the patch: it was kept from them, or led "
            + "elsewhere by another thread. It was let go and returns to its work by itself. Try again.");
    }

    // Bytes under the stack pointer are free only on a stack that nobody else keeps data on: the main thread's, or one
    // that ends in the thread's own control block (pthreads). A coroutine's stack may be a few bytes in somebody's heap.
    private bool IsOwnStack(in X64Registers registers, ulong lowest)
    {
        if (_target.Map.Find(registers.Rsp) is not { } region) return false;
        if ((region.Access & (MemoryAccess.Write | MemoryAccess.Shared)) != MemoryAccess.Write) return false;
        if (lowest < region.Start || lowest > registers.Rsp) return false;
        ulong own = _program.Abi.ThreadPointer(registers);
        return region.Path == "[stack]" || (region.Contains(own) && own > registers.Rsp);
    }

    // Runs every path of the stop once, on memory of our own and a thread that can't exist, so that none runs first when it
    // counts. Each time: what a processor has not had in its caches lately takes it twice as long.
    private unsafe void Rehearse()
    {
        using ProcessMemory? own = ProcessMemory.Open(Environment.ProcessId, out _);
        if (own is null) return;
        const int size = 64 * 1024;
        void* buffer = NativeMemory.AllocZeroed(size);
        try
        {
            X64Registers registers = default;
            registers.Rsp = (ulong)buffer + size - 1024;
            registers.OrigRax = ulong.MaxValue;
            _thread.Rehearse(registers, _target);
            _stack.Place(_thread);
            _ = own.Write(_stack.Start, _stack.Bytes);
            _ = IsOwnStack(registers, _stack.Lowest) | _stack.IsSeenBy(_thread);
            _run.Rehearse(_thread, own);
            _ = _target.IsAlive;
            _ = _target.Memory.Read(_caveAt, _cave);
        }
        finally
        {
            NativeMemory.Free(buffer);
        }
    }
}
