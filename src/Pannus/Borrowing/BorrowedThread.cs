using System.Diagnostics;
using Pannus.Core;
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
    /// <summary>Values of <see cref="Obstacle"/>.</summary>
    public const string Seccomp = "runs under seccomp",
        UserDispatch = "has its system calls sent back to itself (prctl PR_SET_SYSCALL_USER_DISPATCH)";

    private const int LargestVectorState = 16 * 1024;
    // All but those that the kernel forces on a thread for what it does, as it would make a blocked one forget its handler:
    // SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV, SIGSYS.
    private const ulong WhileBorrowed = ~(1ul << 3 | 1ul << 4 | 1ul << 6 | 1ul << 7 | 1ul << 10 | 1ul << 30);

    private enum Place : byte { Free, Running, InCall, Home }

    // Seized, and not stopped yet when it was given up: nothing but its next stop, or the end of the tracer thread, lets go of it.
    private readonly HashSet<int> _seized = [];
    // Seized, and back in a call which nothing but the end of the tracer thread is to let go (FilteredRestart).
    private readonly HashSet<int> _left = [];
    private readonly byte[] _vectors = GC.AllocateArray<byte>(LargestVectorState);
    private ThreadStat _stat = ThreadStat.None;
    private int _vectorSize;
    private X64Registers _registers;
    private WaitStatus _stop;
    private long _stoppedAt;
    private Place _place;
    private bool _isDirty, _areVectorsDirty, _isFilterOff;

    /// <summary>Thread id.</summary>
    public int Id { get; private set; }

    /// <summary>Registers at the stop.</summary>
    public ref readonly X64Registers Registers => ref _registers;

    /// <summary>Signal mask at the stop.</summary>
    public ulong SignalMask { get; private set; }

    /// <summary>XSAVE area at the stop.</summary>
    public ReadOnlySpan<byte> Vectors => _vectors.AsSpan(0, _vectorSize);

    /// <summary>Whether it runs under seccomp.</summary>
    public bool IsFiltered { get; private set; }

    /// <summary>Why the last thread that could be stopped could not be used all the same; null when that may change.</summary>
    public string? Obstacle { get; private set; }

    /// <summary>Whether a thread was let go in the stub, and is on its way home by itself.</summary>
    public bool IsOnItsWay { get; private set; }

    /// <summary>
    /// Registers for a way back that the kernel does not prepare: a syscall that the stop interrupted is issued again.
    /// </summary>
    public X64Registers ForSignalReturn => _registers.WillRestart
        ? _registers with { Rip = _registers.Rip - 2, Rax = _registers.OrigRax }
        : Mended;

    private X64Registers Mended => SyscallRestart.Rewind(Id, _stop, _registers) ?? _registers;

    /// <summary>
    /// Seizes and stops a thread; false when it is gone, can't be stopped in <paramref name="timeout"/> or can't be borrowed.
    /// Errors: <see cref="PatchErrorId.TargetTraced"/>, <see cref="PatchErrorId.AccessDenied"/>,
    /// <see cref="PatchErrorId.TargetReplaced"/>.
    /// </summary>
    public bool TryTake(TargetProcess target, int tid, TimeSpan timeout, TracerPlacement placement)
    {
        Id = tid;
        Obstacle = null;
        ProcessStatus? status = ProcessStatus.TryRead(tid);
        IsFiltered = status is { Seccomp: not 0 };
        if (IsFiltered && !TargetAccess.CanSuspendSeccomp)
        {
            Obstacle = Seccomp;
            return false;
        }
        bool wasLeft = _left.Remove(tid);
        long result = wasLeft || _seized.Contains(tid) ? 0 : Ptrace.Seize(tid, Ptrace.OptionSyscallStops);
        _stat.Dispose();
        _stat = ThreadStat.Open(target.Id, tid);
        // What is seized keeps its id: from here on it is a thread of the target, or it was none already. Such a one is not
        // stopped, and let go by the end of the tracer thread.
        if (result == -Errno.ESRCH || _stat.State is 'X' || !target.IsAlive) return false;
        if (result != 0)
        {
            if (_stat.State == 'Z' || status is null) return false;
            throw TargetAccess.WhyTraced(target.DisplayName, status.TracerId)
                ?? TargetAccess.Denied(target.Id, status, result);
        }
        placement.Avoid(_stat.Processor);
        _ = _seized.Add(tid);
        _stoppedAt = Stopwatch.GetTimestamp();
        // One that does not stop (an uninterruptible wait) can't be detached before it does; it gets twice the time, and may be
        // tried again.
        if (Ptrace.Interrupt(tid) != 0)
        {
            _ = _seized.Remove(tid);
            return false;
        }
        bool isInTime = WaitForEventStop(timeout);
        if (!isInTime && !WaitForEventStop(timeout)) return false;
        _place = Place.Home;
        if (wasLeft) _ = Ptrace.SetOptions(tid, Ptrace.OptionSyscallStops);
        // Read in any case: a call that fails with EINTR after any stop is issued again by these registers.
        if (ReadState() && isInTime)
        {
            if (!target.IsMemoryOf(Id)) throw target.WhyNotThere() ?? target.HasStartedAnother();
            if (CanBeBorrowed(target.Memory)) return true;
        }
        _ = Release();
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
                    (_place, _isDirty) = (Place.Home, false);
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
    /// Gives the thread other registers, which lead it into the stub, and blocks its signals.
    /// <paramref name="keepsVectors"/>: what it runs there does not touch the vector registers.
    /// </summary>
    public bool Enter(in X64Registers registers, bool keepsVectors)
    {
        _areVectorsDirty = !keepsVectors;
        // The order matters: with the registers set, what runs next restores the signal mask, whoever is alive then.
        if (Ptrace.SetRegisters(Id, registers) != 0) return false;
        _isDirty = true;
        return Ptrace.SetSignalMask(Id, WhileBorrowed) == 0;
    }

    /// <summary>Lets the thread run to the entry of its next syscall, or to the exit of the one that it is in.</summary>
    public bool RunToCall(TimeSpan timeout, out SyscallStop call)
    {
        call = default;
        do
        {
            if (Ptrace.ContinueToSyscall(Id, 0) != 0) return false;
            _place = Place.Running;
            if (!WaitForStop(timeout)) return false;
            _place = _stop.IsSyscallStop ? Place.InCall : Place.Home;
            if (_stop.IsSyscallStop) return Ptrace.GetSyscallStop(Id, out call) == 0;
            // A stop of its whole process (SIGSTOP) takes effect again when the thread is let go.
        }
        while (_stop.IsEventStop);
        return false;
    }

    /// <summary>Sets the registers of the thread where it has stopped.</summary>
    public bool SetRegisters(in X64Registers registers) => Ptrace.SetRegisters(Id, registers) == 0;

    /// <summary>
    /// Suspends the filter of a thread that has one for the call whose entry it has stopped at, or puts it in force again.
    /// </summary>
    public bool SetFilter(bool isOff)
    {
        if (!IsFiltered || isOff == _isFilterOff) return true;
        if (Ptrace.SetOptions(Id, Ptrace.OptionSyscallStops | (isOff ? Ptrace.OptionSuspendSeccomp : 0)) != 0) return false;
        _isFilterOff = isOff;
        return true;
    }

    /// <summary>
    /// Brings the thread from wherever it has stopped to where the kernel looks at signals, so that it can get its own registers
    /// back. A call that it is about to make is left out. False when it runs, or has gone.
    /// </summary>
    public bool TryLeaveStub(in X64Registers entered, bool isAtEntry, TimeSpan timeout)
    {
        if (_place != Place.InCall) return _place == Place.Home;
        if (isAtEntry && (!SetFilter(isOff: true) || !SetRegisters(entered with { OrigRax = ulong.MaxValue })
            || !RunToCall(timeout, out _))) return false;
        if (!SetFilter(isOff: false) || Ptrace.Interrupt(Id) != 0 || Ptrace.Continue(Id, 0) != 0) return false;
        _place = Place.Running;
        if (!WaitForEventStop(timeout)) return false;
        _place = Place.Home;
        return true;
    }

    /// <summary>Waits a little for what the thread does, where it is: the kernel may wake it on this very processor.</summary>
    public void Wait(int round)
    {
        if (round % 4 == 3) _stat.Read();
        Backoff.Spin(round, isApart: !_stat.IsHere);
    }

    /// <summary>Lets the thread go on with its own work; does nothing when it does so already. Returns how long it was taken.</summary>
    public TimeSpan Release()
    {
        if (_place is Place.Home or Place.InCall)
        {
            // A signal for what it did while it was borrowed is ours.
            bool isOurs = _isDirty && _stop.PendingSignal != 0 && Ptrace.IsSignalForced(Id);
            bool isHome = !_isDirty || (_place == Place.Home && TryRestore());
            IsOnItsWay |= !isHome;
            // With the stub's registers it goes home by itself, with its signal mask.
            int signal = isHome && !isOurs ? _stop.PendingSignal : 0;
            bool isFree = !isHome || SyscallRestart.PrepareToGo(Id, _stop, _registers);
            if (isFree) _ = Ptrace.Detach(Id, signal);
            else _ = _left.Add(Id);
            _ = _seized.Remove(Id);
        }
        else if (_place == Place.Running)
        {
            IsOnItsWay = true;
        }
        (_place, _isDirty, _isFilterOff) = (Place.Free, false, false);
        return Stopwatch.GetElapsedTime(_stoppedAt);
    }

    /// <inheritdoc/>
    public void Dispose() => _stat.Dispose();

    /// <summary>Runs what runs inside a stop, for a thread id that cannot exist.</summary>
    public void Rehearse(in X64Registers registers, TargetProcess target)
    {
        (Id, _registers, _vectorSize, IsFiltered) = (int.MaxValue, registers, 2696, true);
        _ = WaitForEventStop(TimeSpan.Zero);
        Wait(0);
        _ = ReadState() | target.IsMemoryOf(Id) | CanBeBorrowed(target.Memory);
        _ = Enter(registers, keepsVectors: false);
        _ = SetFilter(isOff: true);
        _ = RunToCall(TimeSpan.Zero, out _);
        _ = Ptrace.GetSyscallStop(Id, out _) + Ptrace.SetSignalMask(Id, 0) + Ptrace.Continue(Id, 0);
        _place = Place.InCall;
        _ = TryLeaveStub(registers, isAtEntry: true, TimeSpan.Zero);
        _ = TryRestore();
        _ = ForSignalReturn;
        (_place, _isDirty) = (Place.Home, true);
        _ = Release();
        IsOnItsWay = false;
    }

    // What can't be restored is left to the signal frame.
    private bool TryRestore()
    {
        // The mask first: a thread that has its registers back runs nothing that would restore it.
        if (Ptrace.SetSignalMask(Id, SignalMask) != 0) return false;
        // Not in any case, as it takes as long as all else here.
        if (_areVectorsDirty && Ptrace.SetRegisterSet(Id, Ptrace.XStateSet, _vectors.AsSpan(0, _vectorSize)) != 0) return false;
        return Ptrace.SetRegisters(Id, Mended) == 0;
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

    // What can be told of a thread only while it is stopped.
    private bool CanBeBorrowed(IMemoryReader memory)
    {
        IsFiltered |= Ptrace.HasFilter(Id) == true;
        if (Ptrace.HasUserDispatch(Id)) Obstacle = UserDispatch;
        return Obstacle is null && RestartableSequence.TryLeave(Id, memory, ref _registers);
    }

    private bool WaitForStop(TimeSpan timeout)
    {
        long start = Stopwatch.GetTimestamp();
        for (int round = 0; ; round++)
        {
            long result = WaitStatus.Poll(Id, round, out _stop);
            if (result == Id) return _stop.IsStopped;
            if (result < 0 || Stopwatch.GetElapsedTime(start) > timeout) return false;
            Wait(round);
        }
    }

    // A signal that was on its way comes first: it goes its way, and the stop that was asked for follows.
    private bool WaitForEventStop(TimeSpan timeout)
    {
        while (WaitForStop(timeout))
        {
            if (_stop.IsEventStop) return true;
            if (Ptrace.Continue(Id, _stop.PendingSignal) != 0) return false;
        }
        return false;
    }
}
