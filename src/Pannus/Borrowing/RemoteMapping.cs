using Pannus.Core;
using Pannus.Linux;
using Pannus.Targets;

namespace Pannus.Borrowing;

/// <summary>Maps and unmaps the segments of a patch by one remote call, and makes sure that it is all or none.</summary>
internal static class RemoteMapping
{
    public static TimeSpan Map(TargetProcess target, MapRequest request, TimeSpan timeout, CancellationToken cancellation)
    {
        RemoteProgram program = RemoteProgram.Map(target.Architecture.Remote, request);
        RemoteResult result = RemoteCall.Run(target, program, timeout, cancellation);
        target.Refresh();
        List<MapSegment> mapped = [.. request.Segments.Where(s => IsMapped(target, request, s))];
        if (mapped.Count == request.Segments.Count) return result.Pause;

        if (mapped.Count > 0) Unmap(target, request with { Segments = mapped }, timeout);
        string what = "was not done";
        if (result.Results is { } results)
        {
            int failed = results.ToList().FindIndex(r => r is < 0 and > -4096);
            if (failed >= 0) what = $"failed: {program.Steps[failed].Name}: {Errno.Text(-results[failed])}";
        }
        throw new PatchException(PatchErrorId.NoAddressSpace,
            $"Mapping the patch into {target.DisplayName} {what}. It is unmapped again; try again, or look at the target's "
            + "limits (RLIMIT_AS, RLIMIT_FSIZE, memory cgroup).");
    }

    public static TimeSpan Unmap(TargetProcess target, MapRequest request, TimeSpan timeout)
    {
        // Without cancellation: whoever takes back is not to be stopped half way.
        RemoteResult result = RemoteCall.Run(target, RemoteProgram.Unmap(target.Architecture.Remote, request), timeout, CancellationToken.None);
        target.Refresh();
        return result.Pause;
    }

    private static bool IsMapped(TargetProcess target, MapRequest request, MapSegment segment) =>
        target.Map.Find(segment.Address) is { } region && region.Start <= segment.Address
            && region.Path.StartsWith("/memfd:" + request.MemfdName, StringComparison.Ordinal)
            && target.Map.Covers(segment.Address, segment.Length, MemoryAccess.None);
}
