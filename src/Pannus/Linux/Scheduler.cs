namespace Pannus.Linux;

/// <summary>
/// When and where threads run (sched(7)). A thread is named by its id, 0 for the calling one; a set of processors has a bit
/// for each. Results are the kernel's own: a negative value is -errno.
/// </summary>
internal static unsafe class Scheduler
{
    /// <summary>Bytes of a set of processors (cpu_set_t).</summary>
    public const int MaskSize = 128;

    /// <summary>Classes of threads that share processors: SCHED_OTHER, SCHED_BATCH, SCHED_IDLE; and SCHED_FIFO, which goes before them.</summary>
    public const int Other = 0, Fifo = 1, Batch = 3, Idle = 5;

    internal const int PrioProcess = 0, SetTimerSlackOption = 29;

    // getpriority(2) as a bare syscall gives 20 less the nice value.
    private const int NiceOffset = 20;

    /// <summary>The processors that a thread may run on; returns the size of the kernel's own set.</summary>
    public static long GetProcessors(int tid, Span<byte> mask)
    {
        fixed (byte* p = mask) return Syscall.Call(Syscall.SchedGetaffinity, tid, mask.Length, (long)p);
    }

    /// <summary>Makes a thread run on these processors only.</summary>
    public static bool TrySetProcessors(int tid, ReadOnlySpan<byte> mask)
    {
        fixed (byte* p = mask) return Syscall.Call(Syscall.SchedSetaffinity, tid, mask.Length, (long)p) == 0;
    }

    /// <summary>The class of a thread.</summary>
    public static long GetClass(int tid) => Syscall.Call(Syscall.SchedGetscheduler, tid);

    /// <summary>Puts a thread into a class; <paramref name="priority"/> is 0 in all but the real-time ones.</summary>
    public static bool TrySetClass(int tid, int policy, int priority) =>
        Syscall.Call(Syscall.SchedSetscheduler, tid, policy, (long)&priority) == 0; // struct sched_param

    /// <summary>Nice value of the calling thread.</summary>
    public static int Nice => NiceOffset - (int)Syscall.Call(Syscall.Getpriority, PrioProcess, 0);

    /// <summary>Sets that.</summary>
    public static bool TrySetNice(int nice) => Syscall.Call(Syscall.Setpriority, PrioProcess, 0, nice) == 0;

    /// <summary>The processor that the calling thread runs on; -1 when that cannot be told.</summary>
    public static int Processor
    {
        get
        {
            uint processor = 0;
            return Syscall.Call(Syscall.Getcpu, (long)&processor) == 0 ? (int)processor : -1;
        }
    }

    /// <summary>The calling thread's id.</summary>
    public static int ThreadId => (int)Syscall.Call(Syscall.Gettid);

    /// <summary>Gives the processor away.</summary>
    public static void Yield() => _ = Syscall.Call(Syscall.SchedYield);

    /// <summary>Sleeps for less than a second.</summary>
    public static void Sleep(long nanoseconds)
    {
        // struct timespec: seconds, nanoseconds.
        long* time = stackalloc long[2] { 0, nanoseconds };
        _ = Syscall.Call(Syscall.Nanosleep, (long)time, 0);
    }

    /// <summary>How much longer than asked for the calling thread may sleep (PR_SET_TIMERSLACK(2const)).</summary>
    public static void SetTimerSlack(long nanoseconds) => _ = Syscall.Call(Syscall.Prctl, SetTimerSlackOption, nanoseconds);
}
