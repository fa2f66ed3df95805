using System.Runtime.ExceptionServices;
using Pannus.Interop;

namespace Pannus.Controller;

/// <summary>
/// Runs one piece of work on an OS thread of its own and ends that thread. ptrace binds a tracee to the thread that
/// seized it, and the end of that thread detaches whatever is still seized, also threads that never stopped and that
/// PTRACE_DETACH therefore cannot reach (ptrace(2), "Death of the tracer").
/// </summary>
internal static class TracerThread
{
    private const int StackSize = 256 * 1024, PrioProcess = 0, HighestPriority = -20;

    /// <summary>Runs <paramref name="work"/> and returns when the thread has ended; its exception is rethrown here.</summary>
    public static void Run(string name, Action work)
    {
        ChildStops.Mute();
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(() =>
        {
            // A busy target has threads of its own on every processor, and holding it should not wait for their time slices.
            // Where the user may not raise it (setpriority(2)), it stays as it is.
            _ = Syscall.Call(Syscall.Setpriority, PrioProcess, 0, HighestPriority);
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
        thread.Start();
        thread.Join();
        failure?.Throw();
    }
}
