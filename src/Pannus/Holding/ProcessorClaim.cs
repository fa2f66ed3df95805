using System.Diagnostics;
using System.Runtime.InteropServices;
using Pannus.Linux;

namespace Pannus.Holding;

/// <summary>
/// Keeps every ordinary thread off some processors for a few microseconds: a thread of the real-time class (SCHED_FIFO,
/// sched(7)) is put on each and spins there. A sleeper that is woken meanwhile waits in the run queue.
/// </summary>
/// <remarks>
/// It changes nothing of the target, and nothing of it is left when this process dies: the spinners die with it. None spins
/// longer than <see cref="LongestClaim"/>, whatever becomes of the one who asked for it. What it can't promise is checked
/// afterwards (<see cref="Sleepers.HaveSlept"/>): the kernel takes the processor from real-time threads that have used up
/// their share (sched_rt_runtime_us), and whoever claims may itself have to wait for a page or a lock.
/// </remarks>
internal sealed unsafe class ProcessorClaim : IDisposable
{
    /// <summary>How long a claim lasts at most.</summary>
    public static readonly TimeSpan LongestClaim = TimeSpan.FromMilliseconds(2);

    private const int MostProcessors = 64, StackSize = 128 * 1024;

    // Words that the spinners and the owner share. They lie outside the heap: futex(2) needs an address that stays.
    [StructLayout(LayoutKind.Sequential)]
    private struct Shared
    {
        public int Claim;    // number of the claim that is wanted; odd ones spin, even ones wait, -1 ends
        public int Ready;    // spinners that wait for the first claim
        public int Failed;   // spinners that may not have what they need
        public fixed int Taken[MostProcessors]; // of each spinner, the last claim for which it has its processor
    }

    private readonly Shared* _shared;
    private readonly Thread[] _spinners;
    private readonly int _own;
    private readonly byte[] _ownMask = new byte[Scheduler.MaskSize];

    private ProcessorClaim(List<int> processors)
    {
        _shared = (Shared*)NativeMemory.AllocZeroed((nuint)sizeof(Shared));
        _own = processors[0];
        _spinners = [.. processors.Skip(1).Select((p, i) => new Thread(() => Serve(i, p), StackSize) { IsBackground = true, Name = "pannus-claim" })];
        foreach (Thread spinner in _spinners) spinner.Start();
    }

    /// <summary>
    /// Makes the spinners for the processors of a mask; null when there are too many or this user may not have them
    /// (CAP_SYS_NICE, cpusets, RLIMIT_RTPRIO). One processor is for the caller's own thread. Whether the processors can be had
    /// in time is another thing, which each <see cref="TryTake"/> says for itself.
    /// </summary>
    public static ProcessorClaim? TryPrepare(ReadOnlySpan<byte> mask)
    {
        List<int> processors = [];
        for (int p = 0; p < Scheduler.MaskSize * 8; p++)
            if ((mask[p / 8] >> (p % 8) & 1) != 0) processors.Add(p);
        if (processors.Count is 0 or > MostProcessors) return null;
        var claim = new ProcessorClaim(processors);
        while (Volatile.Read(ref claim._shared->Ready) + Volatile.Read(ref claim._shared->Failed) < claim._spinners.Length) Thread.Sleep(0);
        if (claim._shared->Failed == 0 && claim.TryTakeOwn())
        {
            // Tried once now, so that nothing of it happens first in earnest.
            _ = claim.TryTakeOthers();
            claim.Release();
            return claim;
        }
        claim.Dispose();
        return null;
    }

    /// <summary>
    /// Takes the processors, one of them for the calling thread; false when not all of them could be had in time, as when
    /// a host keeps one from us or a thread of more precedence spins there.
    /// </summary>
    public bool TryTake() => TryTakeOwn() && TryTakeOthers();

    /// <summary>Gives the processors back; does nothing when they are not taken.</summary>
    public void Release()
    {
        if ((_shared->Claim & 1) == 0) return;
        Signal(_shared->Claim + 1);
        ReleaseOwn();
    }

    public void Dispose()
    {
        Signal(-1);
        foreach (Thread spinner in _spinners) spinner.Join();
        NativeMemory.Free(_shared);
    }

    // First this thread: a spinner on the processor that it runs on would keep it from running.
    private bool TryTakeOwn()
    {
        _ = Scheduler.GetProcessors(0, _ownMask);
        if (TakeProcessor(_own)) return true;
        ReleaseOwn();
        return false;
    }

    private void ReleaseOwn()
    {
        _ = Scheduler.TrySetClass(0, Scheduler.Other, priority: 0);
        _ = Scheduler.TrySetProcessors(0, _ownMask);
    }

    private bool TryTakeOthers()
    {
        Signal(_shared->Claim + 1);
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < _spinners.Length;)
        {
            // One that was late for the claim before says so by its number, and does not count.
            if (Volatile.Read(ref _shared->Taken[i]) == _shared->Claim) i++;
            else if (Stopwatch.GetElapsedTime(start) >= LongestClaim / 4)
            {
                Release();
                return false;
            }
        }
        return true;
    }

    private void Signal(int claim)
    {
        Volatile.Write(ref _shared->Claim, claim);
        Futex.WakeAll(&_shared->Claim);
    }

    private void Serve(int index, int processor)
    {
        Shared* shared = _shared;
        bool isMine = TakeProcessor(processor);
        Interlocked.Increment(ref isMine ? ref shared->Ready : ref shared->Failed);
        if (!isMine) return;
        while (true)
        {
            int claim = Volatile.Read(ref shared->Claim);
            if (claim == -1) return;
            if ((claim & 1) == 0)
            {
                Futex.Wait(&shared->Claim, claim);
                continue;
            }
            Volatile.Write(ref shared->Taken[index], claim);
            long start = Stopwatch.GetTimestamp();
            while (Volatile.Read(ref shared->Claim) == claim && Stopwatch.GetElapsedTime(start) < LongestClaim) { }
            // Out of time: wait for the owner as if it had released.
            while (Volatile.Read(ref shared->Claim) == claim) Thread.Sleep(1);
        }
    }

    private static bool TakeProcessor(int processor)
    {
        Span<byte> mask = stackalloc byte[Scheduler.MaskSize];
        mask.Clear();
        mask[processor / 8] = (byte)(1 << (processor % 8));
        return Scheduler.TrySetProcessors(0, mask) && Scheduler.TrySetClass(0, Scheduler.Fifo, priority: 1);
    }
}
