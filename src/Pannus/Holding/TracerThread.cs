using System.Runtime.ExceptionServices;
using Pannus.Linux;
using Pannus.Targets;

namespace Pannus.Holding;

/// <summary>
/// Runs one piece of work on an OS thread of its own and ends that thread. ptrace binds a tracee to the thread that
/// seized it, and the end of that thread detaches whatever is still seized, also threads that never stopped and that
/// PTRACE_DETACH therefore cannot reach (ptrace(2), "Death of the tracer").
/// </summary>
internal static class TracerThread
{
    private const int StackSize = 256 * 1024;

    /// <summary>
    /// Runs <paramref name="work"/> for a target and returns when the thread has ended; its exception is rethrown here.
    /// </summary>
    public static void Run(string name, TargetProcess target, Action work)
    {
        ChildStops.Mute();
        ResidentCode.Lock();
        ExceptionDispatchInfo? failure = null;
        int id = 0;
        var thread = new Thread(() =>
        {
            id = Scheduler.ThreadId;
            // It sleeps for microseconds, to which the kernel would add 50.
            Scheduler.SetTimerSlack(1);
            try
            {
                work();
            }
            catch (Exception e)
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }
        }, StackSize)
        { IsBackground = true, Name = name };
        // It inherits the processors of its maker, and would else begin on one that the target runs on as often as not. Its maker
        // would go on on such a one.
        using (var placement = new TracerPlacement())
        {
            placement.AvoidRunning(target);
            thread.Start();
            thread.Join();
        }
        // For .NET it has ended a little before the kernel lets go of what it has seized.
        for (int round = 0; Processes.HasThread(Environment.ProcessId, id); round++) Backoff.Spin(round, isApart: false);
        failure?.Throw();
    }
}
