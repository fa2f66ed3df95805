using System.Diagnostics;
using Pannus.Linux;
using Pannus.Machines;

namespace Pannus.Holding;

/// <summary>
/// Calls that the kernel goes on with by restart_syscall(2) after a stop, with the time that remains, in threads under
/// seccomp. That is a call which the program does not make, and its filter may not know: it would be killed for it. So the
/// filter is suspended for that one call, and the thread is let go by the end of the tracer thread, as it sleeps in it.
/// </summary>
internal static class FilteredRestart
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromMilliseconds(50);

    /// <summary>Whether a stopped thread would be restarted in this way.</summary>
    public static bool IsNeeded(int tid, WaitStatus stop, in X64Registers registers) => stop.IsInterrupted
        && registers.InSyscall && (long)registers.Rax == -Errno.ERESTART_RESTARTBLOCK
        && (Ptrace.HasFilter(tid) ?? ProcessStatus.TryRead(tid) is { Seccomp: not 0 });

    /// <summary>
    /// Restarts the call of such a thread. False when that can't be done by this user; then nothing has been done. Else the
    /// thread is stopped no more, or at the call's exit, and the end of the tracer thread lets go of it.
    /// </summary>
    public static bool TryRestart(int tid, in X64Registers registers)
    {
        TargetArchitecture machine = TargetArchitecture.Of(registers);
        // Tried here: at the call's entry it would be too late to say that it can't be had.
        if (Ptrace.SetOptions(tid, Ptrace.OptionSyscallStops | Ptrace.OptionSuspendSeccomp) != 0
            || Ptrace.SetOptions(tid, Ptrace.OptionSyscallStops) != 0) return false;
        int signal = 0;
        if (Ptrace.ContinueToSyscall(tid, 0) != 0 || !WaitForStop(tid, out WaitStatus stop)) return true;
        if (stop.IsSyscallStop && Ptrace.GetSyscallStop(tid, out SyscallStop call) == 0 && call.IsEntry
            && call.Architecture == machine.Remote.AuditArchitecture && call.Number == machine.Syscalls.RestartSyscall)
        {
            // Up to the exit of this call, and not a step further.
            _ = Ptrace.SetOptions(tid, Ptrace.OptionSyscallStops | Ptrace.OptionSuspendSeccomp);
            _ = Ptrace.ContinueToSyscall(tid, 0);
            WaitUntilAsleep(tid);
            return true;
        }
        // A signal was faster, or another thread has changed the code: what happens now happens under the filter.
        signal = stop.PendingSignal;
        _ = Ptrace.SetOptions(tid, 0);
        _ = Ptrace.Detach(tid, signal);
        return true;
    }

    private static bool WaitForStop(int tid, out WaitStatus stop)
    {
        long start = Stopwatch.GetTimestamp();
        for (int round = 0; ; round++)
        {
            long result = WaitStatus.Poll(tid, round, out stop);
            if (result != 0) return result == tid && stop.IsStopped;
            if (Stopwatch.GetElapsedTime(start) > s_timeout) return false;
            Backoff.Spin(round, isApart: false);
        }
    }

    // A thread that sleeps, or has come to the exit of its call, is past its filter.
    private static void WaitUntilAsleep(int tid)
    {
        long start = Stopwatch.GetTimestamp();
        using ThreadStat stat = ThreadStat.Open(tid, tid);
        for (int round = 0; stat.State is 'R' && Stopwatch.GetElapsedTime(start) < s_timeout; round++)
        {
            Backoff.Spin(round, isApart: false);
            stat.Read();
        }
    }
}
