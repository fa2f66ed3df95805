using Pannus.Core;
using Pannus.Linux;
using Pannus.Targets;

namespace Pannus.Borrowing;

/// <summary>Maps and unmaps the segments of a patch by one remote call, and makes sure that it is all or none.</summary>
internal static class RemoteMapping
{
    public static TimeSpan Map(
        TargetProcess target, MapRequest request, TimeSpan timeout, CancellationToken cancellation)
    {
        RemoteProgram program = RemoteProgram.Map(target.Architecture.Remote, request);
        RemoteResult result;
        try
        {
            result = RemoteCall.Run(target, program, timeout, cancellation);
        }
        catch (PatchException) when (target.WhyNotThere() is null)
        {
            Unmap(target, request, Mapped(target, request), timeout);
            throw;
        }
        List<MapSegment> mapped = Mapped(target, request);
        if (mapped.Count == request.Segments.Count) return result.Pause;
        Unmap(target, request, mapped, timeout);

        int failed = result.Results.ToList().FindIndex(r => r is < 0 and > -4096);
        string what = failed < 0 ? "was not done" : $"failed: {program.Steps[failed].Name}: {Errno.Text(-result.Results[failed])}";
        throw new PatchException(PatchErrorId.NoAddressSpace,
            $"Mapping the patch into {target.DisplayName} {what}. It is unmapped again; try again, or look at the target's "
            + "limits (RLIMIT_AS, RLIMIT_NOFILE, memory cgroup).");
    }

    private static List<MapSegment> Mapped(TargetProcess target, MapRequest request)
    {
        target.Refresh();
        return [.. request.Segments.Where(s => IsMapped(target, request, s))];
    }

    private static void Unmap(TargetProcess target, MapRequest request, List<MapSegment> segments, TimeSpan timeout)
    {
        if (segments.Count > 0) _ = Unmap(target, request with { Segments = segments }, timeout);
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
