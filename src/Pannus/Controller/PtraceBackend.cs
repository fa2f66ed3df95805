using System.Diagnostics;
using Pannus.Loader;
using Pannus.Target;

namespace Pannus.Controller;

/// <summary>The backend for stock kernels: ptrace(2) to hold, one remote call to map, /proc/PID/mem to write.</summary>
internal sealed class PtraceBackend : ITargetBackend
{
    private static bool s_rehearsed;

    public BackendKind Kind => BackendKind.Ptrace;

    public TimeSpan WhileHeld(TargetProcess target, TimeSpan stopTimeout, bool leaveSleepers, Action<IHeldProcess> body)
    {
        TimeSpan pause = default;
        TracerThread.Run("pannus-tracer", () =>
        {
            Rehearse(target);
            using var tracees = new Tracees(target);
            tracees.SeizeAll(leaveSleepers);
            long deadline = Stopwatch.GetTimestamp() + (long)(stopTimeout.TotalSeconds * Stopwatch.Frequency);
            try
            {
                if (!tracees.StopAll(deadline))
                {
                    throw new PatchException(PatchErrorId.StopTimeout,
                        $"{target.DisplayName} did not stop within {stopTimeout.TotalMilliseconds:0} ms: "
                        + $"{tracees.DescribeUnstopped()}. Nothing was changed; try again or give a longer timeout.");
                }
                if (tracees.ThreadCount == 0)
                    throw new PatchException(PatchErrorId.TargetNotFound, $"{target.DisplayName} has exited.");
                body(tracees);
            }
            finally
            {
                tracees.DetachAll();
                pause = tracees.Pause;
            }
        });
        return pause;
    }

    public TimeSpan Map(TargetProcess target, MapRequest request, TimeSpan timeout, CancellationToken cancellation) =>
        RemoteMapping.Map(target, request, timeout, cancellation);

    public TimeSpan Unmap(TargetProcess target, MapRequest request, TimeSpan timeout) =>
        RemoteMapping.Unmap(target, request, timeout);

    public IReadOnlyList<ulong> CallResolvers(
        TargetProcess target, IReadOnlyList<ulong> resolvers, TimeSpan timeout, CancellationToken cancellation)
    {
        RemoteResult result = RemoteCall.Run(target, RemoteProgram.Call(resolvers), timeout, cancellation);
        return result.Results is { } addresses ? [.. addresses.Select(a => (ulong)a)]
            : throw new PatchException(PatchErrorId.StopTimeout,
                $"{target.DisplayName} ran on before the result of an IFUNC resolver could be read. Nothing was changed; try again.");
    }

    private static void Rehearse(TargetProcess target)
    {
        if (s_rehearsed) return;
        Tracees.Rehearse(target);
        s_rehearsed = true;
    }
}
