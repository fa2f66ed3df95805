using System.Diagnostics;
using Pannus.Core;
using Pannus.Linux;
using Pannus.Machines;
using Pannus.Targets;

namespace Pannus.Holding;

/// <summary>
/// The threads of one process under ptrace, from seize to detach. All calls come from one thread. Everything that
/// allocates happens in <see cref="SeizeAll"/>, while the target runs, and in <see cref="DetachAll"/>, when those that ran run again.
/// </summary>
/// <remarks>
/// Why no thread can be missed: threads are seized in passes over /proc/PID/task with PTRACE_O_TRACECLONE, until two
/// passes find nothing new. A thread that neither pass listed was born of a thread that was seized already, so the
/// kernel attached it at birth, and its parent reports PTRACE_EVENT_CLONE, which is a stop that we see while we wait
/// for the parent. Two passes and not one, because the kernel ends a listing early when a thread in it exits.
/// Threads that sleep are stopped first and let go last, which costs them nothing; those that run are held only for what
/// has to happen while everything is still. So the time they are held does not grow with the number of sleepers.
/// </remarks>
internal sealed class Tracees : HeldProcess, IDisposable
{
    // A sleeper that is stopped or let go has to run for a moment, perhaps on the processor of a thread that runs, which
    // waits until all of them are through: so many at a time.
    private const int Batch = 8;
    private const int MostRuns = 8, MostNaps = 4;
    private static readonly long s_leastRun = Stopwatch.Frequency / 100_000, s_runTimeout = Stopwatch.Frequency / 20;

    private enum State : byte { Running, Stopped, Gone }

    private readonly TargetProcess _target;
    private readonly int _tracerId;
    private readonly HashSet<int> _known = [];
    private readonly Sleepers _sleepers;
    private readonly TracerPlacement _placement = new();
    private int[] _ids = new int[64];
    private State[] _states = new State[64];
    private WaitStatus[] _stops = new WaitStatus[64];
    private X64Registers[] _registers = new X64Registers[64];
    private bool[] _isAsleep = new bool[64];
    private bool[] _isAsked = new bool[64];
    private int[] _held = new int[64];
    private int _count, _stopped;
    private TracerPriority _priority;
    private bool _isEarly;
    private long _heldSince, _releasedAt;

    public Tracees(TargetProcess target)
    {
        _target = target;
        _sleepers = new Sleepers(target.Architecture.Syscalls);
        _tracerId = Scheduler.ThreadId;
    }

    public override int ThreadCount => _stopped + (_isEarly ? 0 : _sleepers.Count);

    public override bool IsSealed => _sleepers.HaveSlept();

    /// <summary>How long the threads that were running were held; all of them when none was.</summary>
    public TimeSpan Pause => Stopwatch.GetElapsedTime(_heldSince, _releasedAt);

    public override HeldThread GetThread(int index)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)ThreadCount, nameof(index));
        if (index >= _stopped) return _sleepers[index - _stopped];
        int i = _held[index];
        ref readonly X64Registers r = ref _registers[i];
        return new HeldThread(_ids[i], r.ProgramCounter, r.Rsp, r.InSyscall) { ThreadPointer = _target.Architecture.Remote.ThreadPointer(r) };
    }

    public override void GetRegisters(int index, out FrameRegisters registers)
    {
        HeldThread thread = GetThread(index);
        registers = thread.IsLeftAsleep ? FrameRegisters.From(thread.ProgramCounter, thread.StackPointer, _target.Architecture.Unwind)
            : FrameRegisters.From(_registers[_held[index]]);
    }

    // They are stopped from the early look on.
    public override bool HasRunSince(int index) => false;

    // Not by single steps: when we die in one, the kernel leaves the trap flag set, and the thread's next trap is its end.
    public override bool TryRunOut(int index, ReadOnlySpan<AddressRange> ranges)
    {
        if (index >= _stopped) return false;
        int i = _held[index];
        for (int round = 0; ; round++)
        {
            if (!IsInside(ranges, GetThread(index).ProgramCounter)) return true;
            if (round == MostRuns || _registers[i].InSyscall || !_stops[i].IsEventStop || Ptrace.Continue(_ids[i], 0) != 0) return false;
            _states[i] = State.Running;
            // Time to be woken, and a little more in each round.
            long until = Stopwatch.GetTimestamp() + s_leastRun * (round + 1);
            while (Stopwatch.GetTimestamp() < until) Thread.SpinWait(4);
            if (Ptrace.Interrupt(_ids[i]) != 0 || !WaitForStop(i, Stopwatch.GetTimestamp() + s_runTimeout) || _states[i] != State.Stopped)
                return false;
        }
    }

    /// <summary>
    /// Whether what is held is the target, and no other program that it has become since it was looked at. Looks at one thread, as
    /// all threads of a process have the same memory, and those that were stopped were threads of the target.
    /// </summary>
    public bool IsOfTarget()
    {
        if (_stopped == 0) return _target.WhyNotThere() is null;
        for (int i = 0; i < _stopped; i++)
            if (_target.IsMemoryOf(_ids[_held[i]])) return true;
        return false;
    }

    public override bool TrySeal() => _sleepers.TrySeal();

    public override int Read(ulong address, Span<byte> buffer) => _target.WritableMemory.Read(address, buffer);

    public override int Write(ulong address, ReadOnlySpan<byte> data) => _target.WritableMemory.Write(address, data);

    /// <summary>Seizes every thread without stopping any; those that a stop would disturb, on demand, not even that.</summary>
    public void SeizeAll(bool leaveSleepers)
    {
        SeizeNew(leaveSleepers);
        if (!_sleepers.TryPrepare())
        {
            // It can't be seen to that they stay asleep: they are stopped as well.
            for (int i = 0; i < _sleepers.Count; i++) _ = _known.Remove(_sleepers[i].Id);
            _sleepers.Dispose();
            SeizeNew(leaveSleepers: false);
        }
        if (ThreadCount + _count == 0) throw new PatchException(PatchErrorId.TargetNotFound, $"{_target.DisplayName} has exited.");
        // Room for threads that are born between here and the stop.
        Grow(_count * 2 + 64);
    }

    private void SeizeNew(bool leaveSleepers)
    {
        for (int quiet = 0; quiet < 2;)
        {
            int before = _known.Count;
            foreach (int tid in ProcFile.ThreadIds(_target.Id))
                if (!_known.Contains(tid)) Seize(tid, leaveSleepers);
            quiet = _known.Count == before ? quiet + 1 : 0;
        }
    }

    /// <summary>
    /// Stops every thread; false when time ran out first: <paramref name="each"/> for the few that are stopped at a time, however
    /// many there are, and all of it at the timestamp <paramref name="latest"/>. <paramref name="early"/> is called between the
    /// threads that sleep and those that run.
    /// </summary>
    public bool StopAll(TimeSpan each, long latest, Action<HeldProcess>? early)
    {
        long ticks = (long)(each.TotalSeconds * Stopwatch.Frequency);
        _heldSince = Stopwatch.GetTimestamp();
        bool hasRunning = false;
        for (int i = 0; i < _count; i++) hasRunning |= !_isAsleep[i];
        // Where a running thread may be on this very processor, what is done to the sleepers must not keep it from that.
        if (!hasRunning || _placement.IsApart) _priority.Raise();
        for (int first = 0; first < _count; first += Batch)
        {
            if (!Stop(asleep: true, first, first + Batch, ticks, latest)) return false;
            _placement.Update();
        }
        _stopped = 0;
        AddStopped(asleep: true);
        if (early is not null)
        {
            _isEarly = true;
            early(this);
            _isEarly = false;
        }
        _priority.Raise();
        if (hasRunning) _heldSince = Stopwatch.GetTimestamp();
        if (!Stop(asleep: false, 0, int.MaxValue, ticks, latest)) return false;
        AddStopped(asleep: false);
        return true;
    }

    /// <summary>Lets every stopped thread go. One that has not stopped yet is for <see cref="DetachLate"/>.</summary>
    public void DetachAll()
    {
        _sleepers.Unseal();
        bool hadRunning = false;
        for (int i = 0; i < _count; i++)
        {
            hadRunning |= !_isAsleep[i];
            if (_states[i] == State.Stopped && !_isAsleep[i]) Detach(i);
        }
        _releasedAt = Stopwatch.GetTimestamp();
        if (hadRunning && !_placement.IsApart) _priority.Lower();
        for (int i = 0, detached = 0; i < _count; i++)
        {
            if (_states[i] != State.Stopped) continue;
            Detach(i);
            if (!hadRunning || ++detached % Batch != 0) continue;
            WaitUntilAsleep(_ids[i]);
            _placement.Update();
        }
        if (!hadRunning) _releasedAt = Stopwatch.GetTimestamp();
        _priority.Lower();
    }

    /// <summary>
    /// After a stop that was given up: lets those go that stop only now, which a busy machine has kept waiting. The end of the
    /// tracer thread would do that as well, but a call that fails with EINTR after any stop has to be issued again. Who is in
    /// an uninterruptible wait has no such call, and is left to that end.
    /// </summary>
    public void DetachLate(TimeSpan time)
    {
        long start = Stopwatch.GetTimestamp();
        for (bool isLeft = true; isLeft && Stopwatch.GetElapsedTime(start) < time; Thread.Sleep(1))
        {
            isLeft = false;
            for (int i = 0; i < _count; i++)
            {
                if (!_isAsked[i] || _states[i] != State.Running) continue;
                if (!WaitForStop(i, 0)) isLeft |= ProcessStatus.TryRead(_ids[i]) is { State: not 'D' };
                else if (_states[i] == State.Stopped) Detach(i);
            }
        }
    }

    /// <summary>Describes the first thread that has not stopped, for a message.</summary>
    public string DescribeUnstopped()
    {
        for (int i = 0; i < _count; i++)
        {
            if (_states[i] != State.Running) continue;
            string what = ProcessStatus.TryRead(_ids[i])?.State switch
            {
                'D' => "in an uninterruptible wait in the kernel (vfork, or disk or network file system I/O)",
                { } state => $"in state {state}",
                null => "gone meanwhile",
            };
            return $"thread {_ids[i]} is {what}";
        }
        return "its threads come and go too fast";
    }

    /// <summary>
    /// Runs every path of a stop once on a thread id that can't exist, so that none runs first in earnest, and all of it is in
    /// the processor's caches.
    /// </summary>
    public static void Rehearse(TargetProcess target)
    {
        var none = new Tracees(target);
        none.Grow(8);
        const int noThread = int.MaxValue;
        none.Add(noThread);
        none.StopAll(TimeSpan.Zero, 0, null);
        none._states[0] = State.Running;
        none.WaitForStop(0, 0);
        _ = Ptrace.TryGetStop(noThread, out _);
        none._states[0] = State.Stopped;
        none._stopped = 1;
        _ = none.GetThread(0);
        none.GetRegisters(0, out _);
        _ = none.Read(target.Executable.Start, stackalloc byte[8]);
        _ = none.Write(target.Executable.Start, []);
        _ = none.HasRunSince(0) | none.TrySeal() | none.IsSealed;
        _ = SyscallRestart.PrepareToGo(noThread, none._stops[0], none._registers[0]) | none.IsOfTarget();
        _ = none.TryRunOut(0, [new AddressRange(0, ulong.MaxValue)]);
        _ = Ptrace.Continue(noThread, 0);
        none.DetachAll();
        _ = none.Pause;
    }

    public void Dispose()
    {
        _sleepers.Dispose();
        _placement.Dispose();
    }

    // So that a thread that runs has its turn before the next batch. Not for long: the others wait to be let go.
    private void WaitUntilAsleep(int tid)
    {
        for (int nap = 0; nap < MostNaps; nap++)
        {
            Backoff.Sleep();
            if (ThreadStat.Read(_target.Id, tid).State != 'R') return;
        }
    }

    private static bool IsInside(ReadOnlySpan<AddressRange> ranges, ulong address)
    {
        foreach (AddressRange range in ranges)
            if (range.Contains(address)) return true;
        return false;
    }

    private void Seize(int tid, bool leaveSleepers)
    {
        if (leaveSleepers && _sleepers.TryAdd(tid))
        {
            _ = _known.Add(tid);
            return;
        }
        long result = Ptrace.Seize(tid, Ptrace.OptionTraceClone);
        // What is seized keeps its id: from here on it is a thread of the target, or it was none already. Such a one is not
        // stopped, and let go by the end of the tracer thread.
        ThreadStat stat = ThreadStat.Open(_target.Id, tid);
        if (stat.State == 'X' || !_target.IsAlive)
        {
            stat.Dispose();
            return;
        }
        if (result == 0)
        {
            if (stat.IsKernelWorker)
            {
                // It has no user code to stop in, and what was seized goes free at the end of this thread.
                stat.Dispose();
                _ = _known.Add(tid);
                return;
            }
            if (stat.State == 'R') _placement.Follow(stat);
            else stat.Dispose();
            // Only a guess, and it may be: a thread that has woken since is stopped all the same, only a little too early.
            Add(tid, isAsleep: stat.State == 'S');
            return;
        }
        stat.Dispose();
        if (result == -Errno.ESRCH) return;

        // EPERM: a dead thread, one that the kernel attached to us at birth, another tracer's, or not allowed.
        ProcessStatus? status = ProcessStatus.TryRead(tid);
        if (status is null or { State: 'Z' or 'X' } || ThreadStat.Read(_target.Id, tid).IsKernelWorker) return;
        if (status.TracerId == _tracerId) Add(tid, isAsked: true);
        else throw TargetAccess.WhyTraced(_target.DisplayName, status.TracerId)
            ?? TargetAccess.Denied(_target.Id, status, result);
    }

    // One that the kernel has attached to us at birth stops without being asked.
    private void Add(int tid, bool isAsleep = false, bool isAsked = false)
    {
        if (!_known.Add(tid)) return;
        if (_count == _ids.Length) Grow(_count * 2);
        _ids[_count] = tid;
        _isAsleep[_count] = isAsleep;
        _isAsked[_count] = isAsked;
        _states[_count++] = State.Running;
    }

    private void Grow(int capacity)
    {
        if (capacity <= _ids.Length) return;
        Array.Resize(ref _ids, capacity);
        Array.Resize(ref _states, capacity);
        Array.Resize(ref _stops, capacity);
        Array.Resize(ref _registers, capacity);
        Array.Resize(ref _isAsleep, capacity);
        Array.Resize(ref _isAsked, capacity);
        Array.Resize(ref _held, capacity);
        _known.EnsureCapacity(capacity);
    }

    private void AddStopped(bool asleep)
    {
        for (int i = 0; i < _count; i++)
            if (_states[i] == State.Stopped && _isAsleep[i] == asleep) _held[_stopped++] = i;
    }

    private bool Stop(bool asleep, int first, int end, long ticks, long latest)
    {
        long deadline = Math.Min(Stopwatch.GetTimestamp() + ticks, latest);
        for (int i = first; i < end && i < _count; i++)
        {
            if (_states[i] != State.Running || _isAsleep[i] != asleep) continue;
            _isAsked[i] = true;
            if (Ptrace.Interrupt(_ids[i]) == -Errno.ESRCH) _states[i] = State.Gone;
        }
        // The list grows while we go through it when a thread turns out to have made another.
        for (int i = first; i < end && i < _count; i++)
            if (_states[i] == State.Running && _isAsleep[i] == asleep && !WaitForStop(i, deadline)) return false;
        return true;
    }

    private bool WaitForStop(int i, long deadline)
    {
        for (int round = 0; ; round++)
        {
            long result = WaitStatus.Poll(_ids[i], round, out WaitStatus status);
            if (result != 0)
            {
                bool isStopped = result == _ids[i] && status.IsStopped;
                _stops[i] = status;
                if (isStopped && status.Event == Ptrace.EventClone) AddNewborn(_ids[i]);
                _states[i] = isStopped && Ptrace.GetRegisters(_ids[i], out _registers[i]) == 0 ? State.Stopped : State.Gone;
                return true;
            }
            if (Stopwatch.GetTimestamp() > deadline) return false;
            Backoff.Spin(round, !_isAsleep[i] && _placement.IsApart);
        }
    }

    private void AddNewborn(int parent)
    {
        if (Ptrace.GetEventMessage(parent, out ulong child) == 0) Add((int)child, isAsked: true);
    }

    private void Detach(int i)
    {
        if (SyscallRestart.PrepareToGo(_ids[i], _stops[i], _registers[i])) _ = Ptrace.Detach(_ids[i], _stops[i].PendingSignal);
        _states[i] = State.Running;
        _isAsked[i] = false;
    }
}
