using Pannus.Borrowing;
using Pannus.Holding;
using Pannus.Targets;

namespace Pannus.Backends;

/// <summary>The backend for stock kernels: ptrace(2) to hold, one remote call to map, /proc/PID/mem to write.</summary>
internal sealed class PtraceBackend : ITargetBackend
{
    public BackendKind Kind => BackendKind.Ptrace;

    public TimeSpan WhileHeld(TargetProcess target, TimeSpan stopTimeout, bool leaveSleepers, Action<HeldProcess> body,
        Action<HeldProcess>? early = null, TimeSpan? longest = null) =>
        PtraceHold.WhileHeld(target, stopTimeout, leaveSleepers, body, early, longest);

    public TimeSpan Map(TargetProcess target, MapRequest request, TimeSpan timeout, CancellationToken cancellation) =>
        RemoteMapping.Map(target, request, timeout, cancellation);

    public TimeSpan Unmap(TargetProcess target, MapRequest request, TimeSpan timeout) =>
        RemoteMapping.Unmap(target, request, timeout);

    public IReadOnlyList<ulong> CallResolvers(
        TargetProcess target, IReadOnlyList<ulong> resolvers, TimeSpan timeout, CancellationToken cancellation)
    {
        RemoteProgram program = RemoteProgram.Call(target.Architecture.Remote, resolvers);
        return [.. RemoteCall.Run(target, program, timeout, cancellation).Results.Select(a => (ulong)a)];
    }
}
