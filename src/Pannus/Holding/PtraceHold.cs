using System.Diagnostics;
using Pannus.Core;
using Pannus.Linux;
using Pannus.Targets;

namespace Pannus.Holding;

/// <summary>Stops all threads of a target by ptrace(2), again and again until they all stop.</summary>
internal static class PtraceHold
{
    // A thread that can't be stopped now (vfork, disk I/O) keeps all the others waiting. So the first stop gives up soon, and
    // each further one has more time: where hundreds of threads want a processor, the stop itself takes long.
    private static readonly TimeSpan s_firstStop = TimeSpan.FromMilliseconds(25), s_lateStop = TimeSpan.FromSeconds(5),
        s_longest = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// Stops all threads of a target, runs <paramref name="body"/>, lets them go. Error: <see cref="PatchErrorId.StopTimeout"/>
    /// when they don't all stop in <paramref name="stopTimeout"/>.
    /// </summary>
    public static TimeSpan WhileHeld(TargetProcess target, TimeSpan stopTimeout, bool leaveSleepers, Action<HeldProcess> body,
        Action<HeldProcess>? early = null, TimeSpan? longest = null)
    {
        long start = Stopwatch.GetTimestamp();
        for (int attempt = 0; ; attempt++)
        {
            TimeSpan left = stopTimeout - Stopwatch.GetElapsedTime(start), stop = s_firstStop * (1 << Math.Min(attempt, 10));
            string obstacle = TryHold(target, stop, left, leaveSleepers, body, early, longest ?? s_longest, out TimeSpan pause);
            if (obstacle.Length == 0) return pause;
            if (Stopwatch.GetElapsedTime(start) >= stopTimeout)
            {
                throw new PatchException(PatchErrorId.StopTimeout,
                    $"{target.DisplayName} did not stop within {stopTimeout.TotalMilliseconds:0} ms: {obstacle}. "
                    + "Nothing was changed; try again or give a longer timeout.");
            }
            Thread.Sleep(2 << Math.Min(attempt, 5));
        }
    }

    // Says what kept the target from being stopped; nothing when body has run.
    private static string TryHold(
        TargetProcess target, TimeSpan stop, TimeSpan left, bool leaveSleepers, Action<HeldProcess> body, Action<HeldProcess>? early,
        TimeSpan longest, out TimeSpan pause)
    {
        string obstacle = "";
        TimeSpan held = default;
        TracerThread.Run("pannus-tracer", target, () =>
        {
            target.CheckStillThere();
            Tracees.Rehearse(target);
            using var tracees = new Tracees(target);
            tracees.SeizeAll(leaveSleepers);
            using var timer = ContinueTimer.Start(longest);
            long latest = Stopwatch.GetTimestamp() + (long)(left.TotalSeconds * Stopwatch.Frequency);
            try
            {
                // As late as can be while it still runs.
                if (MemorySharers.Find(target) is { } other)
                {
                    obstacle = $"process {other} shares its memory (vfork, or clone with CLONE_VM), and would run on";
                }
                else if (tracees.StopAll(stop, latest, early))
                {
                    if (tracees.ThreadCount == 0)
                        throw new PatchException(PatchErrorId.TargetNotFound, $"{target.DisplayName} has exited.");
                    if (!tracees.IsOfTarget()) throw target.WhyNotThere() ?? target.HasStartedAnother();
                    body(tracees);
                }
                else
                {
                    obstacle = tracees.DescribeUnstopped();
                }
            }
            finally
            {
                tracees.DetachAll();
                held = tracees.Pause;
                if (obstacle.Length > 0) tracees.DetachLate(s_lateStop);
            }
        });
        pause = held;
        return obstacle;
    }
}
