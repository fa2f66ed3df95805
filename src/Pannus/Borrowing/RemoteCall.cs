using System.Diagnostics;
using System.Runtime.InteropServices;
using Pannus.Core;
using Pannus.Holding;
using Pannus.Linux;
using Pannus.Machines;
using Pannus.Targets;

namespace Pannus.Borrowing;

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
/// 2. list and signal frame (on its stack, under the red zone) and stub (in a code cave) are written: bytes nobody uses;
/// 3. its registers are set to the stub. From here on it ends in rt_sigreturn by itself;
/// 4. its signals are blocked (the frame unblocks them), and it runs;
/// 5. its last step is a short sleep. Caught there, it gets its signal mask and then its own registers back, orig_rax
///    included, so that the kernel restarts the syscall it was in as after any stop. Missed there, it has healed itself.
/// </remarks>
internal sealed class RemoteCall
{
    private static readonly TimeSpan s_stopTimeout = TimeSpan.FromMilliseconds(250), s_runTimeout = TimeSpan.FromSeconds(2),
        s_usualRun = TimeSpan.FromMilliseconds(2), s_lateStop = TimeSpan.FromSeconds(5);

    private readonly TargetProcess _target;
    private readonly RemoteProgram _program;
    private readonly RemoteStack _stack;
    private readonly BorrowedThread _thread = new();
    private readonly byte[] _cave;
    private readonly byte[] _results;
    private readonly ulong _caveAt;
    private TracerPriority _priority;
    private bool _hasStub, _isLent;

    private RemoteCall(TargetProcess target, RemoteProgram program)
    {
        _target = target;
        _program = program;
        _cave = new byte[program.Abi.Stub.Length];
        _stack = new RemoteStack(program);
        _results = new byte[(program.Steps.Count + 1) * program.Abi.RecordSize];
        _caveAt = CodeCave.Find(target, _cave.Length);
    }

    private ulong CaveEnd => _caveAt + (ulong)_cave.Length;

    /// <summary>
    /// Runs a program. Errors: <see cref="PatchErrorId.SeccompBlocked"/>, <see cref="PatchErrorId.TargetTraced"/>,
    /// <see cref="PatchErrorId.AccessDenied"/>, <see cref="PatchErrorId.StopTimeout"/> when no thread could be used in
    /// <paramref name="timeout"/>.
    /// </summary>
    public static RemoteResult Run(TargetProcess target, RemoteProgram program, TimeSpan timeout, CancellationToken cancellation)
    {
        RemoteResult? result = null;
        var call = new RemoteCall(target, program);
        CaveRepair.Run(target, call._caveAt, program.Abi.Stub, timeout);
        using WakefulProcessors awake = WakefulProcessors.Request();
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
        return result!;
    }

    private RemoteResult FindThreadAndRun(TimeSpan timeout, CancellationToken cancellation)
    {
        long options = SeccompOption();
        ProcessMemory memory = _target.WritableMemory;
        if (memory.Read(_caveAt, _cave) != _cave.Length)
            throw new PatchException(PatchErrorId.MemoryInaccessible, $"The code of {_target.DisplayName} cannot be read.");
        try
        {
            return TryThreads(memory, options, timeout, cancellation);
        }
        finally
        {
            // The stub may go only when no thread is in it.
            if (_hasStub && (!_isLent || !_target.IsAlive)) _ = memory.Write(_caveAt, _cave);
        }
    }

    private RemoteResult TryThreads(ProcessMemory memory, long options, TimeSpan timeout, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        do
        {
            var placement = new TracerPlacement();
            foreach (int tid in BorrowCandidates.Of(_target, placement))
            {
                if (Stopwatch.GetElapsedTime(start) > timeout) break;
                if (cancellation.IsCancellationRequested)
                    throw new PatchException(PatchErrorId.Interrupted, $"Interrupted before {_target.DisplayName} was touched.");
                _target.CheckStillThere();
                _priority.Raise();
                try
                {
                    if (!_thread.TryTake(_target, tid, options, s_stopTimeout, placement)) continue;
                    if (TryRun(memory)) return new RemoteResult(_thread.Release(), ParseResults());
                }
                finally
                {
                    _ = _thread.Release();
                    _priority.Lower();
                }
            }
            Thread.Sleep(2);
        }
        while (Stopwatch.GetElapsedTime(start) < timeout);
        _target.CheckStillThere();
        throw new PatchException(PatchErrorId.StopTimeout,
            $"No thread of {_target.DisplayName} could be borrowed to map the patch within {timeout.TotalSeconds:0.###} s: each was "
            + "in an uninterruptible wait, in a signal handler, or on a stack that is not its own. Nothing was changed; try again.");
    }

    private long SeccompOption()
    {
        if (ProcessStatus.TryRead(_target.ViewId) is not { Seccomp: not 0 } status) return 0;
        if (TargetAccess.CanSuspendSeccomp) return Ptrace.OptionSuspendSeccomp;
        throw TargetAccess.SeccompBlocks(_target.DisplayName, status);
    }

    // False: this thread can't be used. Allocates nothing, as the thread is held.
    private bool TryRun(ProcessMemory memory)
    {
        ref readonly X64Registers r = ref _thread.Registers;
        // A program of one word size may run code of the other for a while.
        if (!_program.Abi.CanRun(r)) return false;
        _stack.Place(_thread);
        if (!IsOwnStack(r, _stack.Lowest)) return false;
        _hasStub = true;
        if (memory.Write(_stack.ListAt, _stack.Bytes) != _stack.Bytes.Length || memory.Write(_caveAt, _program.Abi.Stub) != _cave.Length)
        {
            throw new PatchException(PatchErrorId.MemoryInaccessible,
                $"The memory of {_target.DisplayName} cannot be written through /proc/{_target.ViewId}/mem. The kernel may restrict it "
                + "(proc_mem.force_override).");
        }

        _isLent = true;
        _thread.Start(_program.Abi.StubRegisters(r, _caveAt, _stack.ListAt, _stack.FrameAt), _program.KeepsVectors);
        WaitForLastStep(memory, s_runTimeout);
        _isLent = !_thread.TakeBack(_caveAt, CaveEnd, s_runTimeout);
        return !_isLent ? true : throw new PatchException(PatchErrorId.StopTimeout,
            $"Thread {_thread.Id} of {_target.DisplayName} did not finish mapping within {s_runTimeout.TotalSeconds:0} s. It was let go "
            + "and returns to its work by itself.");
    }

    // Reads the results: the thread is in the last step when the step before it has one.
    private void WaitForLastStep(ProcessMemory memory, TimeSpan timeout)
    {
        long start = Stopwatch.GetTimestamp();
        RemoteAbi abi = _program.Abi;
        for (int round = 0; ; round++)
        {
            TimeSpan elapsed = Stopwatch.GetElapsedTime(start);
            // It sleeps in its last step. Later it may have gone home, and work there.
            if (!_thread.IsBusy() || elapsed > s_usualRun)
            {
                if (memory.Read(_stack.ListAt, _results) != _results.Length || Result(_program.Steps.Count - 1) != abi.NotYetRun) return;
            }
            if (elapsed > timeout) return;
            _thread.KeepRunning(round);
            _thread.Wait(round);
        }
    }

    // The list lies on the thread's stack, and was whole if the thread still slept in the last step when it was read.
    private long[]? ParseResults()
    {
        RemoteAbi abi = _program.Abi;
        int count = _program.Steps.Count;
        return Result(count) == abi.NotYetRun ? [.. Enumerable.Range(0, count).Select(i => abi.ToResult(Result(i)))] : null;
    }

    private ulong Result(int step) => _program.Abi.Word.Read(_results.AsSpan(step * _program.Abi.RecordSize + _program.Abi.ResultOffset));

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

    // Runs every path of the stop once, on memory of our own and a thread that can't exist, so that none runs first in earnest.
    // Each time: what a processor has not had in its caches lately takes it twice as long.
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
            _thread.Rehearse(registers);
            _stack.Place(_thread);
            _ = own.Write(_stack.ListAt, _stack.Bytes) + own.Read(_stack.ListAt, _results);
            _ = IsOwnStack(registers, _stack.Lowest);
            _thread.Start(_program.Abi.StubRegisters(registers, _caveAt, _stack.ListAt, _stack.FrameAt), _program.KeepsVectors);
            WaitForLastStep(own, TimeSpan.Zero);
            _ = _target.IsAlive;
            _ = _target.Memory.Read(_caveAt, _cave);
        }
        finally
        {
            NativeMemory.Free(buffer);
        }
    }
}
