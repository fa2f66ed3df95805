namespace Pannus.Linux;

/// <summary>What wait4(2) tells of one tracee.</summary>
internal readonly record struct WaitStatus(int Value)
{
    /// <summary>WNOHANG.</summary>
    public const int NoHang = 1;
    /// <summary>__WALL: also threads.</summary>
    public const int All = 0x40000000;

    /// <summary>PTRACE_EVENT_STOP: the stop that PTRACE_INTERRUPT asks for, or a group stop.</summary>
    private const int EventStop = 128;

    private const int SigTrap = 5;

    /// <summary>What the tracee stops for in a syscall (PTRACE_O_TRACESYSGOOD).</summary>
    public const int SyscallSignal = SigTrap | 0x80;

    /// <summary>The tracee is stopped.</summary>
    public bool IsStopped => (Value & 0xff) == 0x7f;

    /// <summary>The tracee is gone.</summary>
    public bool IsGone => !IsStopped;

    /// <summary>The signal that the tracee stopped for.</summary>
    public int StopSignal => (Value >> 8) & 0xff;

    /// <summary>PTRACE_EVENT_* of the stop; 0 for a signal on its way to the tracee.</summary>
    public int Event => Value >> 16;

    /// <summary>Stopped where the kernel looks at signals, so that it will still decide how to restart a syscall.</summary>
    public bool IsEventStop => IsStopped && Event == EventStop;

    /// <summary>Stopped at the entry or the exit of a syscall.</summary>
    public bool IsSyscallStop => IsStopped && Event == 0 && StopSignal == SyscallSignal;

    /// <summary>Stopped because PTRACE_INTERRUPT asked for it, and not with its whole process (SIGSTOP).</summary>
    public bool IsInterrupted => IsEventStop && StopSignal == SigTrap;

    /// <summary>The signal to give back when the tracee is let go: 0 unless one was on its way.</summary>
    public int PendingSignal => IsStopped && Event == 0 && !IsSyscallStop ? StopSignal : 0;

    /// <summary>The status of a tracee that has stopped.</summary>
    public static WaitStatus Stopped(int signal, int eventNumber) => new(0x7f | signal << 8 | eventNumber << 16);

    /// <summary>
    /// As <see cref="Wait"/> without waiting, for round number <paramref name="round"/> of a poll. Now and then it looks
    /// whether the tracee has stopped and the status went to somebody else.
    /// </summary>
    public static long Poll(int tid, int round, out WaitStatus status)
    {
        long result = Wait(tid, NoHang, out status);
        if (result != 0 || round % 64 != 63 || !Ptrace.TryGetStop(tid, out WaitStatus stop)) return result;
        // It may have stopped between the two looks; then the status is still there, and must not be found later.
        result = Wait(tid, NoHang, out status);
        if (result == 0) status = stop;
        return result == 0 ? tid : result;
    }

    /// <summary>
    /// Waits for one thread; other children of this process are never touched. Returns the thread's id, 0 when it has
    /// nothing to tell and <paramref name="options"/> has <see cref="NoHang"/>, or -errno.
    /// </summary>
    public static unsafe long Wait(int tid, int options, out WaitStatus status)
    {
        int value = 0;
        long result;
        do result = Syscall.Call(Syscall.Wait4, tid, (long)&value, options | All);
        while (result == -Errno.EINTR);
        status = new WaitStatus(value);
        return result;
    }
}
