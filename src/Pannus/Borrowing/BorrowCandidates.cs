using Pannus.Holding;
using Pannus.Linux;
using Pannus.Machines;
using Pannus.Targets;

namespace Pannus.Borrowing;

/// <summary>
/// In which order threads are tried for a remote call. Best is one that sleeps in a syscall which the kernel restarts
/// by itself: the service does not feel it. Then one whose call is restarted but ends later by the time that it was lent for.
/// Then one that runs. Then one in a call that may have to be issued again after any stop, and has no timeout that would
/// begin again; last all others, and stopped ones. Never one in an uninterruptible wait.
/// </summary>
internal static class BorrowCandidates
{
    private const int Running = 2, Endless = 3, Other = 4, Unusable = 5;

    /// <summary>Thread ids of a process, best first. Those that run are told to <paramref name="placement"/>.</summary>
    public static IReadOnlyList<int> Of(TargetProcess target, TracerPlacement placement)
    {
        SyscallNumbers syscalls = target.Architecture.Syscalls;
        return [.. ProcFile.ThreadIds(target.Id).Select(tid => (tid, rank: Rank(target, tid, syscalls, placement))).Where(t => t.rank < Unusable)
            .OrderBy(t => t.rank).Select(t => t.tid)];
    }

    private static int Rank(TargetProcess target, int tid, SyscallNumbers syscalls, TracerPlacement placement)
    {
        ThreadStat stat = ThreadStat.Read(target.Id, tid);
        if (stat.State is 'D' or 'Z' or 'X' || stat.IsKernelWorker) return Unusable;
        if (stat.State == 'R')
        {
            placement.Avoid(stat.Processor);
            return Running;
        }
        if (SleepingCall.TryRead(tid) is not { } call) return Running;
        return syscalls.IsRestarted(call) ? 0 : syscalls.IsLate(call) ? 1 : syscalls.HasNoTimeout(call) ? Endless : Other;
    }
}
