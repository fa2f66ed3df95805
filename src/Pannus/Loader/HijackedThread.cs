using System.Diagnostics;
using Pannus.Controller;
using Pannus.Interop;
using Pannus.Target;

namespace Pannus.Loader;

/// <summary>One thread of a target, stopped where the kernel looks at signals, borrowed for a remote call.</summary>
internal sealed class HijackedThread : IDisposable
{
    private const int LargestVectorState = 16 * 1024;

    private readonly long _stoppedAt;
    private X64Registers _registers;
    private WaitStatus _stop;
    private bool _isHeld = true, _isDirty;

    private HijackedThread(int id, WaitStatus stop, long stoppedAt)
    {
        Id = id;
        _stop = stop;
        _stoppedAt = stoppedAt;
    }

    /// <summary>Thread id.</summary>
    public int Id { get; }

    /// <summary>Registers at the stop.</summary>
    public ref readonly X64Registers Registers => ref _registers;

    /// <summary>
    /// Registers for a way back that the kernel does not prepare: a syscall that the stop interrupted is issued again.
    /// </summary>
    public X64Registers AsAfterStop => _registers.WillRestart
        ? _registers with { Rip = _registers.Rip - 2, Rax = _registers.OrigRax }
        : Mended;

    public ulong SignalMask { get; private set; }

    /// <summary>XSAVE area.</summary>
    public byte[] Vectors { get; private set; } = [];

    private X64Registers Mended => SyscallRestart.Rewind(Id, _stop, _registers) ?? _registers;

    /// <summary>Seizes and stops a thread; null when it is gone or can't be stopped in <paramref name="timeout"/>.</summary>
    public static HijackedThread? TryTake(TargetProcess target, int tid, long options, TimeSpan timeout)
    {
        long result = Ptrace.Seize(tid, options);
        if (result == -Errno.ESRCH) return null;
        if (result != 0)
        {
            ProcessStatus? status = ProcessStatus.TryRead(tid);
            if (status is null or { State: 'Z' or 'X' }) return null;
            throw TargetAccess.WhyTraced(target.DisplayName, status.TracerId) ?? TargetAccess.Denied(target.Id, status, result);
        }
        long start = Stopwatch.GetTimestamp();
        if (Ptrace.Interrupt(tid) != 0 || !WaitForEventStop(tid, start, timeout, out WaitStatus stop))
        {
            // Not stopped, so not detachable. The seize must not outlast this thread's work: see Abandon.
            Abandon(tid, timeout);
            return null;
        }
        var thread = new HijackedThread(tid, stop, start);
        if (thread.ReadState()) return thread;
        thread.Dispose();
        return null;
    }

    /// <summary>Lets the thread run from other registers, with all signals blocked.</summary>
    public void Start(in X64Registers registers)
    {
        // The order matters: with the registers set, what runs next restores the signal mask, whoever is alive then.
        if (Ptrace.SetRegisters(Id, registers) != 0) return;
        _isDirty = true;
        _ = Ptrace.SetSignalMask(Id, ulong.MaxValue);
        _ = Ptrace.Continue(Id, 0);
        _isHeld = false;
    }

    /// <summary>
    /// Stops the thread again and gives it its own registers back if it still is in [start, end); else it has gone home
    /// by itself. False when it can't be stopped.
    /// </summary>
    public bool TakeBack(ulong start, ulong end, TimeSpan timeout)
    {
        if (Ptrace.Interrupt(Id) != 0) return false;
        if (!WaitForEventStop(Id, Stopwatch.GetTimestamp(), timeout, out WaitStatus stop)) return false;
        _isHeld = true;
        if (Ptrace.GetRegisters(Id, out X64Registers now) != 0) return false;
        bool isInside = now.Rip >= start && now.Rip <= end;
        if (isInside) Restore();
        else
        {
            // Home by itself; a syscall that it is in now was interrupted by this second stop.
            _registers = now;
            _stop = stop;
            _isDirty = false;
        }
        return true;
    }

    /// <summary>Lets the thread go on with its own work; returns how long it was taken.</summary>
    public TimeSpan Release()
    {
        Dispose();
        return Stopwatch.GetElapsedTime(_stoppedAt);
    }

    public void Dispose()
    {
        if (!_isHeld) return;
        if (_isDirty) Restore();
        else if (SyscallRestart.Rewind(Id, _stop, _registers) is { } rewound) _ = Ptrace.SetRegisters(Id, rewound);
        _ = Ptrace.Detach(Id, _stop.PendingSignal);
        _isHeld = false;
    }

    private void Restore()
    {
        // The mask first: a thread that has its registers back runs nothing that would restore it.
        _ = Ptrace.SetSignalMask(Id, SignalMask);
        if (Vectors.Length > 0) _ = Ptrace.SetRegisterSet(Id, Ptrace.XStateSet, Vectors);
        _ = Ptrace.SetRegisters(Id, Mended);
        _isDirty = false;
    }

    private bool ReadState()
    {
        if (Ptrace.GetRegisters(Id, out _registers) != 0 || Ptrace.GetSignalMask(Id, out ulong mask) != 0) return false;
        SignalMask = mask;
        byte[] vectors = new byte[LargestVectorState];
        long size = Ptrace.GetRegisterSet(Id, Ptrace.XStateSet, vectors);
        if (size <= 0) return false;
        Vectors = vectors[..(int)size];
        return true;
    }

    // A signal that was on its way comes first: it goes its way, and the stop that was asked for follows.
    private static bool WaitForEventStop(int tid, long start, TimeSpan timeout, out WaitStatus stop)
    {
        for (int round = 0; ; round++)
        {
            long result = WaitStatus.Wait(tid, WaitStatus.NoHang, out stop);
            if (result == tid)
            {
                if (stop.IsEventStop) return true;
                if (stop.IsGone) return false;
                if (Ptrace.Continue(tid, stop.PendingSignal) != 0) return false;
                round = 0;
                continue;
            }
            if (result < 0 || Stopwatch.GetElapsedTime(start) > timeout) return false;
            Backoff.Spin(round);
        }
    }

    // A thread that will not stop (uninterruptible wait) can't be detached before it does. Wait a little longer in vain
    // at most: the end of the tracer thread detaches it in any case.
    private static void Abandon(int tid, TimeSpan timeout)
    {
        if (WaitForEventStop(tid, Stopwatch.GetTimestamp(), timeout, out WaitStatus stop))
            _ = Ptrace.Detach(tid, stop.PendingSignal);
    }
}
