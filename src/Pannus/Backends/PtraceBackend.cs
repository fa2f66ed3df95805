using Pannus.Borrowing;
using Pannus.Core;
using Pannus.Holding;
using Pannus.Targets;

namespace Pannus.Backends;

/// <summary>The backend for stock kernels: ptrace(2) to hold, one remote call to map, /proc/PID/mem to write.</summary>
internal sealed class PtraceBackend : ITargetBackend
{
    public BackendKind Kind => BackendKind.Ptrace;

    public TimeSpan WhileHeld(TargetProcess target, TimeSpan stopTimeout, bool leaveSleepers, Action<HeldProcess> body,
        Action<HeldProcess>? early = null) => PtraceHold.WhileHeld(target, stopTimeout, leaveSleepers, body, early);

    public TimeSpan Map(TargetProcess target, MapRequest request, TimeSpan timeout, CancellationToken cancellation) =>
        RemoteMapping.Map(target, request, timeout, cancellation);

    public TimeSpan Unmap(TargetProcess target, MapRequest request, TimeSpan timeout) =>
        RemoteMapping.Unmap(target, request, timeout);

    public IReadOnlyList<ulong> CallResolvers(
        TargetProcess target, IReadOnlyList<ulong> resolvers, TimeSpan timeout, CancellationToken cancellation)
    {
        RemoteResult result = RemoteCall.Run(target, RemoteProgram.Call(target.Architecture.Remote, resolvers), timeout, cancellation);
        return result.Results is { } addresses ? [.. addresses.Select(a => (ulong)a)]
            : throw new PatchException(PatchErrorId.StopTimeout,
                $"{target.DisplayName} ran on before the result of an IFUNC resolver could be read. Nothing was changed; try again.");
    }
}
