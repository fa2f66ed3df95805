using System.Buffers.Text;
using Pannus.Linux;
using Pannus.Machines;

namespace Pannus.Holding;

/// <summary>
/// Threads that sleep in a syscall which would notice a stop, and so are not stopped: the call would fail with EINTR, or
/// begin its timeout anew. And threads that wait for a disk, and can't be stopped. They are left alone, and it is proved that
/// they stayed asleep.
/// </summary>
/// <remarks>
/// Why that is as good as a stop:
/// 1. A thread is taken in when the kernel says that it is blocked in such a call, with its program counter and stack
///    pointer, and its run count (how often it was given a processor) is noted. As long as the count stays the same the thread
///    has executed nothing: what was seen of its stack still holds, and it has made no thread.
/// 2. Everything else is stopped, the check looks at all threads, these included. Then, before the first byte is
///    written, all processors that one of them may run on are claimed (<see cref="ProcessorClaim"/>), and the counts are
///    looked at again. Unchanged, the thread has slept all along; woken from here on, it waits for a processor.
/// 3. After the last byte the counts are looked at a third time. Unchanged, the thread did not run while bytes changed. It
///    sees them when it is next given a processor, which orders them before whatever it executes (a context switch
///    serialises).
/// Where a count has changed before the first byte, the whole stop is done again. Where it has changed after it, which
/// takes a kernel that took the processor from a real-time thread in those very microseconds, the bytes are put back, and the
/// next stop leaves nobody alone. Death of this process in between changes nothing for the sleeper, which nobody holds.
/// </remarks>
internal sealed class Sleepers(SyscallNumbers syscalls) : IDisposable
{
    private const int Most = 64;

    private readonly List<HeldThread> _threads = [];
    private readonly List<Descriptor> _descriptors = [];
    private readonly List<long> _runs = [];
    private readonly byte[] _processors = new byte[Scheduler.MaskSize];
    private readonly byte[] _buffer = new byte[128];
    private ProcessorClaim? _claim;
    private bool _isSealed;

    /// <summary>Number of threads left alone.</summary>
    public int Count => _threads.Count;

    /// <summary>One of them.</summary>
    public HeldThread this[int index] => _threads[index];

    /// <summary>Leaves a thread alone when that is worth it and possible.</summary>
    public bool TryAdd(int tid)
    {
        if (Count == Most || !IsOrdinary(tid)) return false;
        if (ProcessStatus.TryRead(tid) is not { TracerId: 0, State: ('S' or 'D') and var state }) return false;
        if (Descriptor.TryOpen($"/proc/{tid}/schedstat", OpenMode.Read) is not { } descriptor) return false;
        long runs = RunCount(descriptor);
        if (runs > 0 && TryReadCall(tid, isUninterruptible: state == 'D') is { } thread && !ThreadStat.Read(tid, tid).IsKernelWorker
            && RunCount(descriptor) == runs && AddProcessors(tid))
        {
            _threads.Add(thread);
            _descriptors.Add(descriptor);
            _runs.Add(runs);
            return true;
        }
        descriptor.Dispose();
        return false;
    }

    /// <summary>Makes ready for <see cref="TrySeal"/>; false when this user or this host does not allow it.</summary>
    public bool TryPrepare() => Count == 0 || (_claim = ProcessorClaim.TryPrepare(_processors)) is not null;

    /// <summary>Sees to it that none of them runs from here to <see cref="Unseal"/>; false when one has run since it was added.</summary>
    public bool TrySeal()
    {
        if (Count == 0) return true;
        _isSealed = _claim!.TryTake();
        if (_isSealed && HaveSlept()) return true;
        Unseal();
        return false;
    }

    /// <summary>Whether none of them has run since it was added.</summary>
    public bool HaveSlept()
    {
        for (int i = 0; i < _descriptors.Count; i++)
            if (RunCount(_descriptors[i]) != _runs[i]) return false;
        return true;
    }

    /// <summary>Lets them run.</summary>
    public void Unseal()
    {
        if (_isSealed) _claim!.Release();
        _isSealed = false;
    }

    public void Dispose()
    {
        Unseal();
        _claim?.Dispose();
        foreach (Descriptor descriptor in _descriptors) descriptor.Dispose();
        _descriptors.Clear();
        _threads.Clear();
        _runs.Clear();
    }

    // SCHED_OTHER, SCHED_BATCH, SCHED_IDLE: a real-time thread would not have to wait for one of ours.
    private static bool IsOrdinary(int tid) => Scheduler.GetClass(tid) is Scheduler.Other or Scheduler.Batch or Scheduler.Idle;

    private HeldThread? TryReadCall(int tid, bool isUninterruptible)
    {
        if (SleepingCall.TryRead(tid) is not { Number: >= 0 } call) return null;
        bool isWanted = isUninterruptible ? syscalls.MayWaitUninterruptibly(call.Number)
            : !syscalls.IsRestarted(call) && !IsRestartedRead(tid, call);
        return !isWanted ? null : new HeldThread(tid, call.ProgramCounter, call.StackPointer, InSyscall: true)
        {
            IsLeftAsleep = true,
            IsVague = true,
        };
    }

    // Only of a socket, which may have a timeout, and of what has no name (inotify) does a stop make a read fail.
    private bool IsRestartedRead(int tid, in SleepingCall call) => call.Number == syscalls.Read
        && ProcFile.TryReadLink($"/proc/{tid}/fd/{call.Argument(0)}") is { } link
        && !link.StartsWith("socket:", StringComparison.Ordinal) && !link.StartsWith("anon_inode:", StringComparison.Ordinal);

    // proc(5), /proc/PID/schedstat: time on a processor, time waiting for one, number of times it was given one. All 0 where
    // the kernel does not count (CONFIG_SCHED_INFO).
    private long RunCount(Descriptor descriptor)
    {
        int length = (int)descriptor.ReadAt(0, _buffer);
        if (length <= 0) return -1;
        ReadOnlySpan<byte> text = _buffer.AsSpan(0, length).TrimEnd((byte)'\n');
        return Utf8Parser.TryParse(text[(text.LastIndexOf((byte)' ') + 1)..], out long count, out _) ? count : -1;
    }

    private bool AddProcessors(int tid)
    {
        Span<byte> mask = stackalloc byte[Scheduler.MaskSize];
        long size = Scheduler.GetProcessors(tid, mask);
        for (int i = 0; i < size; i++) _processors[i] |= mask[i];
        return size > 0;
    }
}
