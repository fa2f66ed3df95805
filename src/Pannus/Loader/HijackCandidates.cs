using System.Globalization;
using Pannus.Target;

namespace Pannus.Loader;

/// <summary>
/// In which order threads are tried for a remote call. Best is one that sleeps in a syscall which the kernel restarts
/// by itself: the service does not feel it. Then one that runs. Last those in a syscall that fails with EINTR after any
/// stop and has to be issued again. Never one in an uninterruptible wait.
/// </summary>
internal static class HijackCandidates
{
    // asm/unistd_64.h, calls that survive a stop in every case (signal(7)): poll, select, pause, nanosleep, flock, wait4,
    // futex, clock_nanosleep, waitid, pselect6, ppoll, rt_sigsuspend.
    private static readonly HashSet<long> s_restarted = [7, 23, 34, 35, 73, 61, 202, 230, 247, 270, 271, 130];

    /// <summary>Thread ids of a process, best first.</summary>
    public static IReadOnlyList<int> Of(int pid) =>
        [.. ProcFile.ThreadIds(pid).Select(tid => (tid, rank: Rank(pid, tid))).Where(t => t.rank < 4)
            .OrderBy(t => t.rank).Select(t => t.tid)];

    private static int Rank(int pid, int tid)
    {
        if (ProcFile.TryRead($"/proc/{pid}/task/{tid}/stat") is not { } stat) return 4;
        if (stat[(stat.LastIndexOf(')') + 2)..] is ['D' or 'Z' or 'X', ..]) return 4;
        string[] call = (ProcFile.TryRead($"/proc/{pid}/task/{tid}/syscall") ?? "").Split(' ');
        if (!long.TryParse(call[0], CultureInfo.InvariantCulture, out long number)) return 1;
        return s_restarted.Contains(number) ? 0 : number < 0 ? 3 : 2;
    }
}
