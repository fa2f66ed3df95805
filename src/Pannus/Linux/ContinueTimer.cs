namespace Pannus.Linux;

/// <summary>
/// Has the kernel continue this process when it was stopped (SIGSTOP, Ctrl-Z) while it held a target, which only it can let
/// go: a timer (timer_create(2)) that sends it SIGCONT. A process that is not stopped does not notice.
/// </summary>
internal readonly unsafe struct ContinueTimer : IDisposable
{
    private const int SigCont = 18, ClockMonotonic = 1;
    private const long NanosecondsPerSecond = 1_000_000_000, NanosecondsPerTick = 100;
    private static readonly TimeSpan s_again = TimeSpan.FromMilliseconds(100);

    private readonly int? _timer;

    private ContinueTimer(int timer) => _timer = timer;

    /// <summary>Begins to count; where the timer can't be had (RLIMIT_SIGPENDING) there is none.</summary>
    public static ContinueTimer Start(TimeSpan time)
    {
        // struct sigevent: value (8), signal (4), SIGEV_SIGNAL (4), 64 bytes in all.
        long* signal = stackalloc long[8] { 0, SigCont, 0, 0, 0, 0, 0, 0 };
        int timer = 0;
        if (Syscall.Call(Syscall.TimerCreate, ClockMonotonic, (long)signal, (long)&timer) != 0) return default;
        // struct itimerspec: interval, first. It may be stopped again.
        long* times = stackalloc long[4];
        Set(times, s_again);
        Set(times + 2, time > TimeSpan.Zero ? time : s_again);
        _ = Syscall.Call(Syscall.TimerSettime, timer, 0, (long)times);
        return new ContinueTimer(timer);
    }

    /// <summary>Ends it.</summary>
    public void Dispose()
    {
        if (_timer is { } timer) _ = Syscall.Call(Syscall.TimerDelete, timer);
    }

    private static void Set(long* timespec, TimeSpan time)
    {
        long nanoseconds = time.Ticks * NanosecondsPerTick;
        (timespec[0], timespec[1]) = (nanoseconds / NanosecondsPerSecond, nanoseconds % NanosecondsPerSecond);
    }
}
