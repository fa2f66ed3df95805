using System.Diagnostics;
using Pannus.Core;
using Pannus.Holding;
using Pannus.Linux;
using Pannus.Targets;

namespace Pannus.Backends;

/// <summary>
/// The backend for kernels with the Pannus patch: pcntl to hold, which wakes nobody, mmap3 to map from outside, and the hold
/// itself to write. Only an IFUNC resolver needs a thread of the target, which ptrace lends.
/// </summary>
internal sealed class KernelBackend(KernelCalls calls, ITargetBackend ptrace) : ITargetBackend
{
    private const int LongestHold = 60_000; // kernel-patch/ABI.md, in milliseconds
    private static readonly TimeSpan s_leastHold = TimeSpan.FromMilliseconds(100);

    private bool _isRehearsed;

    public BackendKind Kind => BackendKind.Kernel;

    public TimeSpan WhileHeld(TargetProcess target, TimeSpan stopTimeout, bool leaveSleepers, Action<HeldProcess> body,
        Action<HeldProcess>? early = null, TimeSpan? longest = null)
    {
        TimeSpan pause = default;
        TracerThread.Run("pannus-holder", target, () =>
        {
            target.CheckStillThere();
            Rehearse(target);
            using var hold = new KernelHold(target, calls);
            new TracerPriority().Raise(); // up to the end of this thread
            Stop(target, hold, stopTimeout, early, longest);
            try
            {
                // A process that is held starts no other program.
                if (!target.IsStillThere()) throw target.WhyNotThere() ?? target.HasStartedAnother();
                body(hold);
            }
            finally
            {
                hold.End();
                pause = hold.Pause;
            }
        });
        return pause;
    }

    public TimeSpan Map(TargetProcess target, MapRequest request, TimeSpan timeout, CancellationToken cancellation)
    {
        if (cancellation.IsCancellationRequested)
            throw new PatchException(PatchErrorId.Interrupted, $"Interrupted before {target.DisplayName} was touched.");
        using Descriptor file = CreateFile(request);
        List<MapSegment> mapped = [];
        try
        {
            foreach (MapSegment s in request.Segments)
            {
                long result = calls.Map(target.Id, s.Address, s.Length, s.Access, file.Number, s.Offset);
                if (result < 0)
                {
                    target.CheckStillThere();
                    throw new PatchException(PatchErrorId.NoAddressSpace,
                        $"Mapping the patch into {target.DisplayName} failed: mmap3: {Errno.Text(-result)}. It is unmapped again; try again, "
                        + "or look at the target's limits (RLIMIT_AS, memory cgroup).");
                }
                mapped.Add(s);
            }
            // By its id alone: it must have been this process, and this program, all the time.
            target.CheckStillThere();
            target.Refresh();
            return TimeSpan.Zero;
        }
        catch
        {
            foreach (MapSegment s in mapped) _ = calls.Unmap(target.Id, s.Address, s.Length);
            target.Refresh();
            throw;
        }
    }

    public TimeSpan Unmap(TargetProcess target, MapRequest request, TimeSpan timeout)
    {
        foreach (MapSegment s in request.Segments)
        {
            long result = calls.Unmap(target.Id, s.Address, s.Length);
            if (result >= 0) continue;
            target.CheckStillThere();
            throw new PatchException(PatchErrorId.MemoryInaccessible,
                $"{request.Name} could not be unmapped from {target.DisplayName} at 0x{s.Address:x}: mmap3: {Errno.Text(-result)}.");
        }
        target.Refresh();
        return TimeSpan.Zero;
    }

    public IReadOnlyList<ulong> CallResolvers(
        TargetProcess target, IReadOnlyList<ulong> resolvers, TimeSpan timeout, CancellationToken cancellation) =>
        ptrace.CallResolvers(target, resolvers, timeout, cancellation);

    private static void Stop(TargetProcess target, KernelHold hold, TimeSpan timeout, Action<HeldProcess>? early, TimeSpan? longest)
    {
        // The hold ends by itself should its body never end.
        int deadline = Math.Clamp((int?)longest?.TotalMilliseconds ?? LongestHold, 1, LongestHold);
        long start = Stopwatch.GetTimestamp();
        for (int attempt = 0; ; attempt++)
        {
            long result = early is null ? 0 : hold.LookEarly();
            if (result >= 0)
            {
                early?.Invoke(hold);
                result = hold.Start(deadline);
            }
            if (result >= 0) return;
            target.CheckStillThere();
            if (result == -Errno.EMSGSIZE) hold.Grow();
            else if (result is not (-Errno.EAGAIN or -Errno.EBUSY or -Errno.ETIMEDOUT)) throw Refused(target, result);
            if (Stopwatch.GetElapsedTime(start) > (timeout > s_leastHold ? timeout : s_leastHold)) throw NotStopped(target, timeout, result);
            Thread.Sleep(2 << Math.Min(attempt, 5));
        }
    }

    private void Rehearse(TargetProcess target)
    {
        if (_isRehearsed) return;
        KernelHold.Rehearse(target, calls);
        _isRehearsed = true;
    }

    private static PatchException Refused(TargetProcess target, long error) =>
        ProcessStatus.TryRead(target.ViewId) is { } status && error == -Errno.EPERM ? TargetAccess.Denied(target.Id, status, error)
            : new PatchException(PatchErrorId.StopTimeout, $"{target.DisplayName} could not be held: pcntl: {Errno.Text(-error)}.");

    private static PatchException NotStopped(TargetProcess target, TimeSpan timeout, long error)
    {
        if (error == -Errno.EBUSY)
            return new PatchException(PatchErrorId.TargetBusy, $"{target.DisplayName} is held by another process. Wait for it to finish and try again.");
        string why = MemorySharers.Find(target) is { } other ? $": process {other} shares its memory (vfork, or clone with CLONE_VM)" : "";
        return new PatchException(PatchErrorId.StopTimeout,
            $"{target.DisplayName} did not stop within {timeout.TotalMilliseconds:0} ms{why}. Nothing was changed; try again or give a longer timeout.");
    }

    // A memfd of ours: the target need not be able to see it, and keeps it by the mapping alone.
    private static Descriptor CreateFile(MapRequest request) =>
        Descriptor.TryCreateMemory(request.MemfdName, request.FileSize, out long error)
            ?? throw new PatchException(PatchErrorId.NoAddressSpace, $"No memory for the patch: {Errno.Text(-error)}.");
}
