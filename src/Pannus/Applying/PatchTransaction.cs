using System.Diagnostics;
using Pannus.Backends;
using Pannus.Core;
using Pannus.Holding;
using Pannus.Journal;
using Pannus.Safety;
using Pannus.Targets;

namespace Pannus.Applying;

/// <summary>How a target is stopped and for how long it is tried.</summary>
public sealed record WriteOptions
{
    /// <summary>Which backend; <see cref="BackendKind.Auto"/> picks.</summary>
    public BackendKind Backend { get; init; } = BackendKind.Auto;
    /// <summary>How long to try in all.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(3);
    /// <summary>How long the target runs between the first two stops; later it is longer, up to 100 ms.</summary>
    public TimeSpan RetryInterval { get; init; } = TimeSpan.FromMilliseconds(5);
    /// <summary>What must hold of the threads.</summary>
    public SafetyCheck SafetyCheck { get; init; }
    /// <summary>Whether stacks that no thread is on are looked for in all writable memory, too (<see cref="SafetyCheck.Stack"/> only).</summary>
    public bool ScanMemory { get; init; }
}

/// <summary>What a write took.</summary>
/// <param name="Pause">How long the threads that were running were held in the stop that wrote; all of them when none ran.</param>
/// <param name="Attempts">Number of stops.</param>
public readonly record struct WriteResult(TimeSpan Pause, int Attempts);

/// <summary>Stop, check, write, resume: again until nobody stands on the bytes, all of the writes or none of them.</summary>
public static class PatchTransaction
{
    private static readonly TimeSpan s_leastStop = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// How many stops of one try leave sleeping threads alone; when they keep waking, the next one stops them too. Those do not
    /// count in which a processor could not be had, up to half of the time that there is.
    /// </summary>
    internal const int StopsThatLeaveSleepers = 5;

    // So many busy stops of the kernel's, and ptrace takes over: it can lead a running thread out of a small function.
    private const int StopsWithoutRunningOut = 3;

    private enum Outcome { NotStopped, Busy, Stirred, Unclaimed, TakenBack, Failed, Written }

    /// <summary>
    /// Applies planned writes. Errors: <see cref="PatchErrorId.FunctionActive"/>, <see cref="PatchErrorId.StopTimeout"/>,
    /// <see cref="PatchErrorId.TargetTraced"/>, <see cref="PatchErrorId.TargetNotFound"/>,
    /// <see cref="PatchErrorId.MemoryInaccessible"/>, <see cref="PatchErrorId.Interrupted"/>.
    /// </summary>
    public static WriteResult Write(TargetProcess target, IReadOnlyList<PlannedWrite> writes, WriteOptions options,
        Action<string>? verbose = null, CancellationToken cancellation = default)
    {
        using TargetLock hold = TargetLock.Take(target, options.Timeout, cancellation);
        return WriteLocked(target, writes, options, verbose, cancellation);
    }

    internal static WriteResult WriteLocked(TargetProcess target, IReadOnlyList<PlannedWrite> writes, WriteOptions options,
        Action<string>? verbose, CancellationToken cancellation, IReadOnlyList<AddressRange>? leaving = null)
    {
        var set = new WriteSet(target, writes);
        if (set.IsEmpty) return default;
        ITargetBackend backend = BackendSelector.Select(options.Backend);

        using ActivenessCheck check = ActivenessCheck.Prepare(target, set.Functions(options.SafetyCheck).Concat(leaving ?? []), set.Guarded,
            options.SafetyCheck, options.ScanMemory);

        Outcome outcome = Outcome.NotStopped;
        PlannedWrite? failed = null;
        Action<HeldProcess> body = held =>
        {
            if (check.IsActive(held, mayRun: true))
            {
                outcome = Outcome.Busy;
                return;
            }
            if (!held.TrySeal())
            {
                outcome = held.IsSealed ? Outcome.Unclaimed : Outcome.Stirred;
                return;
            }
            failed = set.Write(held);
            outcome = failed is not null ? Outcome.Failed : Outcome.Written;
            if (held.IsSealed) return;
            if (failed is null) set.TakeBack(held);
            outcome = Outcome.TakenBack;
        };

        body(new Rehearsal(target, threads: 0));
        (outcome, failed) = (Outcome.NotStopped, null);
        long start = Stopwatch.GetTimestamp();
        bool isExposed = false, isVague = false;
        var retry = new RetryPause(options.RetryInterval);
        try
        {
            for (int attempt = 1, stirred = 0; ; attempt++)
            {
                if (cancellation.IsCancellationRequested)
                    throw new PatchException(PatchErrorId.Interrupted, $"Interrupted. {target.DisplayName} is as it was.");
                target.CheckStillThere();
                TimeSpan left = options.Timeout - Stopwatch.GetElapsedTime(start);
                // The last stop gets its time, too: it is what tells a busy function from a target that can't be stopped.
                bool leaveSleepers = stirred < StopsThatLeaveSleepers && !isExposed && !isVague;
                TimeSpan pause;
                using (WakefulProcessors.Request())
                    pause = backend.WhileHeld(target, left > s_leastStop ? left : s_leastStop, leaveSleepers, body, check.LookEarly);
                switch (outcome)
                {
                    case Outcome.Written:
                        return new WriteResult(pause, attempt);
                    case Outcome.Failed:
                        throw Failure(target, failed!);
                    case Outcome.Stirred or Outcome.Unclaimed:
                        // They may be back asleep by then, and a host that kept a processor from us may have given it back.
                        if (outcome == Outcome.Stirred || Stopwatch.GetElapsedTime(start) > options.Timeout / 2) stirred++;
                        cancellation.WaitHandle.WaitOne(retry.Next());
                        break;
                    case Outcome.TakenBack:
                        isExposed = true;
                        break;
                    case Outcome.Busy when Stopwatch.GetElapsedTime(start) > options.Timeout:
                        throw check.Describe().Refusal(target, attempt, options.Timeout);
                    default:
                        verbose?.Invoke($"{check.Found}; trying again.");
                        isVague |= check.IsVague;
                        if (attempt == StopsWithoutRunningOut) backend = BackendSelector.ForRunningOut(options.Backend, backend);
                        check.Refresh();
                        cancellation.WaitHandle.WaitOne(retry.Next());
                        break;
                }
            }
        }
        catch (PatchException e) when (isExposed)
        {
            throw new PatchException(e.Id, $"{e.Message} The patch stays mapped, as a thread may have entered it for an instant.", e) { KeepsPatch = true };
        }
    }

    /// <summary>Whether a thread is inside ranges right now, by a short stop of its own. Errors as of a write.</summary>
    public static PatchSafety Check(TargetProcess target, IReadOnlyList<AddressRange> ranges, WriteOptions options,
        CancellationToken cancellation = default)
    {
        using TargetLock hold = TargetLock.Take(target, options.Timeout, cancellation);
        using ActivenessCheck check = ActivenessCheck.Prepare(target, ranges, [], options.SafetyCheck, options.ScanMemory);
        ITargetBackend backend = BackendSelector.Select(options.Backend);
        bool isCertain = false;
        for (int attempt = 0; !isCertain; attempt++)
        {
            _ = backend.WhileHeld(target, options.Timeout, leaveSleepers: attempt < StopsThatLeaveSleepers, held =>
            {
                isCertain = !check.IsActive(held, mayRun: false) || !check.IsVague;
                isCertain &= held.IsSealed;
            }, check.LookEarly);
        }
        return check.Safety();
    }

    internal static PatchException Failure(TargetProcess target, PlannedWrite write)
    {
        if (!target.IsAlive) return new PatchException(PatchErrorId.TargetNotFound, $"{target.DisplayName} has exited.");
        Span<byte> now = stackalloc byte[Math.Min(write.Old.Length, 64)];
        bool isReadable = target.Memory.Read(write.Address, now) == now.Length;
        string found = isReadable && !now.SequenceEqual(write.Old.AsSpan(0, now.Length))
            ? "somebody else has changed the bytes since they were looked at. Try again"
            : "the bytes could not be written. The kernel may restrict /proc/PID/mem, or the mapping is shared";
        return new PatchException(PatchErrorId.MemoryInaccessible,
            $"{write.DisplayName} in {target.DisplayName} at 0x{write.Address:x}: {found}. The target is as it was.");
    }
}
