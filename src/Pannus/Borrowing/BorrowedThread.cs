using System.Diagnostics;
using Pannus.Holding;
using Pannus.Linux;
using Pannus.Targets;

namespace Pannus.Borrowing;

/// <summary>
/// One thread of a target, stopped where the kernel looks at signals, borrowed for a remote call. Reused for one thread
/// after the other; allocates nothing while it holds one.
/// </summary>
internal sealed class BorrowedThread : IDisposable
{
    private const int LargestVectorState = 16 * 1024;

    // Seized, and not stopped yet when it was given up: nothing but its next stop, or the end of the tracer thread, lets go of it.
    private readonly HashSet<int> _seized = [];
    private readonly byte[] _vectors = GC.AllocateArray<byte>(LargestVectorState);
    private ThreadStat _stat = ThreadStat.None;
    private int _vectorSize;
    private X64Registers _registers;
    private WaitStatus _stop;
    private long _stoppedAt;
    private bool _isHeld, _isDirty, _areVectorsDirty;

    /// <summary>Thread id.</summary>
    public int Id { get; private set; }

    /// <summary>Registers at the stop.</summary>
    public ref readonly X64Registers Registers => ref _registers;

    /// <summary>Signal mask at the stop.</summary>
    public ulong SignalMask { get; private set; }

    /// <summary>XSAVE area at the stop.</summary>
    public ReadOnlySpan<byte> Vectors => _vectors.AsSpan(0, _vectorSize);

    /// <summary>
    /// Registers for a way back that the kernel does not prepare: a syscall that the stop interrupted is issued again.
    /// </summary>
    public X64Registers ForSignalReturn => _registers.WillRestart
        ? _registers with { Rip = _registers.Rip - 2, Rax = _registers.OrigRax }
        : Mended;

    private X64Registers Mended => SyscallRestart.Rewind(Id, _stop, _registers) ?? _registers;

    /// <summary>Seizes and stops a thread; false when it is gone or can't be stopped in <paramref name="timeout"/>.</summary>
    public bool TryTake(TargetProcess target, int tid, long options, TimeSpan timeout, TracerPlacement placement)
    {
        Id = tid;
        _stat.Dispose();
        _stat = ThreadStat.Open(target.Id, tid);
        placement.Avoid(_stat.Processor);
        long result = _seized.Contains(tid) ? 0 : Ptrace.Seize(tid, options);
        if (result == -Errno.ESRCH) return false;
        if (result != 0)
        {
            ProcessStatus? status = ProcessStatus.TryRead(tid);
            if (status is null or { State: 'Z' or 'X' }) return false;
            throw TargetAccess.WhyTraced(target.DisplayName, status.TracerId) ?? TargetAccess.Denied(target.Id, status, result);
        }
        _seized.Add(tid);
        _stoppedAt = Stopwatch.GetTimestamp();
        // One that does not stop (an uninterruptible wait) can't be detached before it does; it gets twice the time, and may be
        // tried again.
        if (Ptrace.Interrupt(tid) != 0)
        {
            _seized.Remove(tid);
            return false;
        }
        bool isInTime = WaitForEventStop(timeout);
        if (!isInTime && !WaitForEventStop(timeout)) return false;
        _isHeld = true;
        // Read in any case: a call that fails with EINTR after any stop is issued again by these registers.
        if (ReadState() && isInTime) return true;
        Release();
        return false;
    }

    /// <summary>
    /// At the end, lets those go that were given up and stop only now, each with its call issued again. Who is in an
    /// uninterruptible wait has none that would fail, and is left to the end of the tracer thread.
    /// </summary>
    public void ReleaseLate(TimeSpan time)
    {
        for (long start = Stopwatch.GetTimestamp(); _seized.Count > 0 && Stopwatch.GetElapsedTime(start) < time; Thread.Sleep(1))
        {
            foreach (int tid in _seized.ToArray())
            {
                Id = tid;
                if (WaitForEventStop(TimeSpan.Zero))
                {
                    (_isHeld, _isDirty) = (true, false);
                    _ = ReadState();
                    _ = Release();
                }
                else if (ProcessStatus.TryRead(tid) is null or { State: 'D' or 'Z' or 'X' })
                {
                    _ = _seized.Remove(tid);
                }
            }
        }
    }

    /// <summary>
    /// Lets the thread run from other registers, with all signals blocked. <paramref name="keepsVectors"/>: what it runs there
    /// does not touch the vector registers.
    /// </summary>
    public void Start(in X64Registers registers, bool keepsVectors)
    {
        _areVectorsDirty = !keepsVectors;
        // The order matters: with the registers set, what runs next restores the signal mask, whoever is alive then.
        if (Ptrace.SetRegisters(Id, registers) != 0) return;
        _isDirty = true;
        _ = Ptrace.SetSignalMask(Id, ulong.MaxValue);
        _ = Ptrace.Continue(Id, 0);
        _isHeld = false;
    }

    /// <summary>Whether the thread still works, as far as can be told without a look into its memory.</summary>
    public bool IsBusy()
    {
        _stat.Read();
        return _stat.IsBusy;
    }

    /// <summary>Waits a little for what the thread does, where it is: the kernel may wake it on this very processor.</summary>
    public void Wait(int round)
    {
        if (round % 4 == 3) _stat.Read();
        Backoff.Spin(round, isApart: !_stat.IsHere);
    }

    /// <summary>
    /// Lets the thread go on when it has stopped by the way: for a stop that was asked for twice, or one of its whole process
    /// (SIGSTOP), which takes effect again when the thread is let go.
    /// </summary>
    public void KeepRunning(int round)
    {
        if (WaitStatus.Poll(Id, round, out WaitStatus stop) == Id && stop.IsStopped) _ = Ptrace.Continue(Id, stop.PendingSignal);
    }

    /// <summary>
    /// Stops the thread again and gives it its own registers back if it still is in [start, end]; else it has gone home
    /// by itself. False when it can't be stopped.
    /// </summary>
    public bool TakeBack(ulong start, ulong end, TimeSpan timeout)
    {
        if (Ptrace.Interrupt(Id) != 0 || !WaitForEventStop(timeout)) return false;
        _isHeld = true;
        if (Ptrace.GetRegisters(Id, out X64Registers now) != 0) return false;
        if (now.Rip >= start && now.Rip <= end)
        {
            Restore();
            return true;
        }
        // A syscall that it is in now was interrupted by this second stop.
        _registers = now;
        _isDirty = false;
        return true;
    }

    /// <summary>Lets the thread go on with its own work; does nothing when it does so already. Returns how long it was taken.</summary>
    public TimeSpan Release()
    {
        if (_isHeld)
        {
            if (_isDirty) Restore();
            else if (SyscallRestart.Rewind(Id, _stop, _registers) is { } rewound) _ = Ptrace.SetRegisters(Id, rewound);
            _ = Ptrace.Detach(Id, _stop.PendingSignal);
            _seized.Remove(Id);
            _isHeld = false;
        }
        return Stopwatch.GetElapsedTime(_stoppedAt);
    }

    /// <inheritdoc/>
    public void Dispose() => _stat.Dispose();

    /// <summary>Runs what runs inside a stop, for a thread id that cannot exist.</summary>
    public void Rehearse(in X64Registers registers)
    {
        (Id, _registers, _vectorSize) = (int.MaxValue, registers, 2696);
        _ = WaitForEventStop(TimeSpan.Zero);
        KeepRunning(0);
        _ = IsBusy();
        Wait(0);
        _ = ReadState();
        Start(registers, keepsVectors: false);
        _ = TakeBack(0, 0, TimeSpan.Zero);
        _ = Ptrace.SetSignalMask(Id, 0) + Ptrace.Continue(Id, 0);
        Restore();
        _ = ForSignalReturn;
        _isHeld = true;
        _ = Release();
    }

    private void Restore()
    {
        // The mask first: a thread that has its registers back runs nothing that would restore it.
        _ = Ptrace.SetSignalMask(Id, SignalMask);
        // Not in any case, as it takes as long as all else here.
        if (_areVectorsDirty) _ = Ptrace.SetRegisterSet(Id, Ptrace.XStateSet, _vectors.AsSpan(0, _vectorSize));
        _ = Ptrace.SetRegisters(Id, Mended);
        _isDirty = false;
    }

    private bool ReadState()
    {
        // Never those of the thread before: they would be written into this one.
        _registers = default;
        if (Ptrace.GetRegisters(Id, out X64Registers registers) != 0 || Ptrace.GetSignalMask(Id, out ulong mask) != 0) return false;
        long size = Ptrace.GetRegisterSet(Id, Ptrace.XStateSet, _vectors);
        if (size <= 0) return false;
        (_registers, SignalMask, _vectorSize) = (registers, mask, (int)size);
        return true;
    }

    // A signal that was on its way comes first: it goes its way, and the stop that was asked for follows.
    private bool WaitForEventStop(TimeSpan timeout)
    {
        long start = Stopwatch.GetTimestamp();
        for (int round = 0; ; round++)
        {
            long result = WaitStatus.Poll(Id, round, out _stop);
            if (result == Id)
            {
                if (_stop.IsEventStop) return true;
                if (_stop.IsGone || Ptrace.Continue(Id, _stop.PendingSignal) != 0) return false;
                round = 0;
                continue;
            }
            if (result < 0 || Stopwatch.GetElapsedTime(start) > timeout) return false;
            Wait(round);
        }
    }
}
