using Pannus.Applying;
using Pannus.Backends;
using Pannus.Core;
using Pannus.Images;
using Pannus.Journal;
using Pannus.Planning;
using Pannus.Symbols;
using Pannus.Targets;
using Pannus.Unwinding;

namespace Pannus.LivePatches;

/// <summary>What to do to a target: a patch file, the commands that go with it, and how.</summary>
public sealed record LivePatchRequest
{
    /// <summary>The patch file.</summary>
    public required PatchFile Patch { get; init; }
    /// <summary>What to overwrite.</summary>
    public required PatchCommandSet Commands { get; init; }
    /// <summary>Where to look for symbols of the target.</summary>
    public ResolverOptions Symbols { get; init; } = new();
    /// <summary>Whether a patch is refused that leaves some code of its functions old.</summary>
    public bool IsStrict { get; init; }
    /// <summary>How to stop the target.</summary>
    public WriteOptions Options { get; init; } = new();
    /// <summary>Whether the target's unwinders are told of the patch.</summary>
    public UnwindOption Unwind { get; init; }

    /// <summary>The patch's own name, else its file name.</summary>
    public string Name => Commands.Name.Length > 0 ? Commands.Name : Patch.FileName;

    /// <summary>The same file with the same commands has the same id everywhere, whatever its path or name.</summary>
    public string LivePatchId => _id ??= Images.LivePatchId.Of(Patch, Commands);

    private string? _id;
}

/// <summary>Everything that would be done to a target.</summary>
public sealed record LivePatchPlan
{
    /// <summary>The patch's own name, else its file name.</summary>
    public required string Patch { get; init; }
    /// <summary>Whether all of it is in force already.</summary>
    public required bool IsApplied { get; init; }
    /// <summary>The writes, in the order of the commands.</summary>
    public required IReadOnlyList<PlannedWrite> Writes { get; init; }
    /// <summary>The outcome of a run that stops here.</summary>
    public required LivePatchResult Result { get; init; }

    internal LayerPlan? There { get; init; }
    /// <summary>What is to be mapped; null when it is there already.</summary>
    internal PatchLoad? Load { get; init; }
    /// <summary>What unwinders are to be told of; empty when they need not be.</summary>
    internal IReadOnlyList<FrameIndex> Frames { get; init; } = [];
    /// <summary>The runtime, when it is to be put in place first.</summary>
    internal LivePatchRequest? Runtime { get; init; }
}

/// <summary>The whole pipe as one transaction: plan, load, stop, check, write, resume. All of a patch or none of it.</summary>
public static class LivePatch
{
    /// <summary>
    /// Plans a patch: every refusal that can be known without stopping the target. Touches nothing. Errors: all of
    /// <see cref="PatchErrorId"/> but those of a stop.
    /// </summary>
    public static LivePatchPlan Plan(TargetProcess target, LivePatchRequest request)
    {
        ITargetBackend backend = BackendSelector.Select(request.Options.Backend);
        TargetAccess.CheckCanPatch(target, borrowsThread: backend.Kind == BackendKind.Ptrace);
        request.Patch.CheckIsFor(target);
        PatchCommandSet commands = request.Commands;
        string buildId = target.Executable.BuildId;
        if (commands.BuildId.Length > 0 && commands.BuildId != buildId)
        {
            throw new PatchException(PatchErrorId.BuildIdMismatch,
                $"{request.Name} is for build {commands.BuildId}, and {target.DisplayName} is build {(buildId.Length > 0 ? buildId : "(none)")}.");
        }

        LayerPlan there = LayerPlan.Make(target, request);
        if (there.Same is { } same)
        {
            LivePatchPlan plan = Describe(target, request, backend, same.Record!.Writes, there.IsApplied) with { There = there };
            if (!there.IsApplied) return plan with { Writes = there.MemoryWrites(target, []) };
            string changed = string.Join("; ", there.Changed);
            return changed.Length == 0 ? plan
                : plan with { Result = plan.Result with { Message = $"{plan.Result.Message} The program has changed since: {changed}." } };
        }

        var resolver = new SymbolResolver(target, request.Symbols);
        IReadOnlyList<ResolvedSymbol> symbols =
            [.. resolver.ResolveMany([.. commands.Commands.Select(c => c.Target)]).Select(resolver.ToBound)];
        var coverage = new CoveragePlan(target, request, symbols);
        PatchImage image = PatchImageReader.Read(request.Patch);
        PatchDestination.Check(image, commands);
        OriginalFunctions originals = OriginalFunctions.Find(target, image, commands, symbols);
        image = FrameIndexWriter.Extend(originals.Extend(image));
        var names = new PatchSymbols(target, resolver, commands.Aliases) { OffsetOfOriginal = originals.OffsetOf };
        var planner = new WritePlanner(target, request.Symbols);

        // The patch lies by the code that jumps to it; other modules reach it by long-jump pages.
        int firstJump = commands.Commands.ToList().FindIndex(c => c.Kind == PatchCommandKind.Jump);
        TargetModule home = firstJump < 0 ? target.Executable : ModuleOf(target, symbols[firstJump]);

        PatchPlacement placement = PatchPlacement.Near(home, target, image, names);
        originals.Write(placement, planner);
        FrameIndex? frames = FrameIndexWriter.Write(placement);
        var longJumps = new LongJumpPlanner(target, placement);
        IReadOnlyList<PlannedWrite> writes = coverage.Describe([.. Writes(target, planner, commands.Commands, symbols, placement, longJumps),
            .. coverage.Clones((command, clone) => Writes(target, planner, [command], [clone], placement, longJumps))]);
        WriteSet.CheckApart(writes);
        bool isUnwound = frames is not null && UnwindSupport.IsNeeded(target, image, request.Unwind);
        LivePatchRequest? runtime = isUnwound ? UnwindSupport.RequestFor(target, request) : null;
        if (runtime is not null && UnwindRanges.RuntimeIn(there.Journal) is { State: JournalState.Applied }) runtime = null;
        else if (runtime is not null) _ = Plan(target, runtime);
        var record = JournalRecord.Begin(target, request.Patch, there.Journal.NextSequence, request.LivePatchId, request.Name) with
        {
            Requires = isUnwound ? [.. commands.Requires, UnwindRuntime.Name] : commands.Requires,
            Replaces = commands.Replaces,
            Modules = JournalCheck.ModulesOf(target, writes),
            Writes = [.. writes.Select(there.Stack.OnTop)],
        };
        PatchLoad load = PatchLoad.Plan(target, request.Patch, placement, longJumps.LongJumps, record);
        load.CheckLimits(target, backend.Kind);
        LivePatchPlan planned = Describe(target, request, backend, writes, isApplied: false);
        return planned with
        {
            Result = planned.Result with { Coverage = coverage.Text, IsPartial = coverage.IsPartial },
            Writes = [.. writes, .. there.MemoryWrites(target, writes)],
            There = there,
            Runtime = runtime,
            Frames = isUnwound ? [frames!.Value, .. longJumps.LongJumps.Select(p => p.Index)] : [],
            Load = load,
        };
    }

    /// <summary>
    /// Applies a patch. After any error the target is as it was. Errors: all of <see cref="PatchErrorId"/>.
    /// <paramref name="verbose"/> is called on the caller's thread.
    /// </summary>
    public static LivePatchResult Apply(TargetProcess target, LivePatchRequest request, Action<string>? verbose = null,
        CancellationToken cancellation = default)
    {
        ITargetBackend backend = BackendSelector.Select(request.Options.Backend);
        if (request.Options.Backend == BackendKind.Auto && BackendSelector.WhyNotKernel is { Length: > 0 } why) verbose?.Invoke($"Backend Ptrace: {why}");
        TimeSpan timeout = request.Options.Timeout;
        using TargetLock hold = TargetLock.Take(target, timeout, cancellation);
        return ApplyLocked(target, request, backend, verbose, cancellation);
    }

    private static LivePatchResult ApplyLocked(TargetProcess target, LivePatchRequest request, ITargetBackend backend, Action<string>? verbose,
        CancellationToken cancellation)
    {
        TimeSpan timeout = request.Options.Timeout;
        target.Refresh();
        UnwindSupport.FinishRuntime(target, request, r => ApplyLocked(target, r, backend, verbose, cancellation));
        LivePatchPlan plan = Plan(target, request);
        if (plan.Runtime is { } runtime)
        {
            _ = ApplyLocked(target, runtime, backend, verbose, cancellation);
            plan = Plan(target, request);
        }
        foreach (PlannedWrite w in plan.Writes)
            verbose?.Invoke($"{w.DisplayName} at 0x{w.Address:x} in {w.Module}: {w.OldBytes} -> {w.NewBytes}"
                + (w.Destination.Length > 0 ? $" ({w.Destination})" : ""));
        if (plan.IsApplied) return plan.Result;

        LayerPlan there = plan.There!;
        JournalSegment journal = there.Same?.Segment ?? plan.Load!.Journal;
        TimeSpan loadPause = plan.Load is null ? default : PatchLoader.Load(target, plan.Load, JournalState.Applying, backend, timeout, cancellation);
        if (plan.Load is { Placement: { } placement })
        {
            verbose?.Invoke($"Mapped {placement.Image.Size >> 10} KiB at 0x{placement.Address:x}; "
                + $"one thread was taken for {Microseconds(loadPause)}.");
        }
        WriteResult written;
        try
        {
            UnwindSupport.Tell(target, plan, request);
            written = JournalTransaction.Write(target, there.Stack, there.Replaced, plan.Writes, request.Options, verbose, cancellation);
        }
        catch (Exception e) when (plan.Load is not null)
        {
            if (e is PatchException { KeepsPatch: true }) journal.TrySetState(target.WritableMemory, JournalState.Retained);
            else
            {
                UnwindSupport.Forget(target, plan);
                PatchLoader.Unload(target, plan.Load.Request, backend, timeout);
            }
            throw;
        }
        journal.SetState(target.WritableMemory, JournalState.Applied);
        verbose?.Invoke($"Written at stop {written.Attempts}; threads that were running were held for {Microseconds(written.Pause)}.");
        foreach (JournalEntry replaced in there.Replaced)
        {
            string? use = JournalTransaction.Retire(target, replaced, backend, timeout);
            verbose?.Invoke($"Replaced {replaced.DisplayName}" + (use is null ? "." : $"; its memory is kept because of {use}."));
        }
        // What patchers left behind that died before they had written anything.
        foreach (JournalEntry remains in there.Journal.Entries.Where(e => e.State == JournalState.None && e.Damage.Length == 0))
            _ = PatchRemoval.TryUnmap(target, remains, backend, timeout, leaveSleepers: true);
        return plan.Result with
        {
            Status = LivePatchStatus.Applied,
            LoadPause = loadPause,
            Pause = written.Pause,
            Attempts = written.Attempts,
            Message = $"{plan.Writes.Count} writes in force; held for {Microseconds(written.Pause)}.",
        };
    }

    private static string Microseconds(TimeSpan time) => $"{time.TotalMicroseconds:0} us";

    private static List<PlannedWrite> Writes(TargetProcess target, WritePlanner planner, IReadOnlyList<PatchCommand> commands,
        IReadOnlyList<ResolvedSymbol> symbols, PatchPlacement placement, LongJumpPlanner longJumps)
    {
        List<PlannedWrite> writes = [];
        for (int i = 0; i < symbols.Count; i++)
        {
            PatchCommand c = commands[i];
            ulong destination = c.Kind == PatchCommandKind.Variable ? 0 : placement.Find(c.Source)!.Value;
            if (c.Kind == PatchCommandKind.Jump && !target.Architecture.ReachesAll
                && !IsNear(symbols[i].Address, destination))
                destination = longJumps.Reach(ModuleOf(target, symbols[i]), destination);
            writes.AddRange(c.Kind switch
            {
                PatchCommandKind.Jump => planner.Jump(symbols[i], destination, c.Source),
                PatchCommandKind.Variable => [planner.Variable(symbols[i], c.Data)],
                _ => [planner.Pointer(symbols[i], destination, c.Source)],
            });
        }
        return writes;
    }

    // A little less than a displacement reaches, as the jump is some bytes behind the function's address.
    private static bool IsNear(ulong from, ulong to) => Math.Abs((long)(to - from)) < int.MaxValue - 64;

    private static TargetModule ModuleOf(TargetProcess target, ResolvedSymbol symbol) =>
        target.ModuleAt(symbol.Address) ?? target.Executable;

    private static LivePatchPlan Describe(TargetProcess target, LivePatchRequest request, ITargetBackend backend,
        IReadOnlyList<PlannedWrite> writes, bool isApplied) => new()
        {
            Patch = request.Name,
            IsApplied = isApplied,
            Writes = writes,
            Result = new LivePatchResult
            {
                Id = target.Id,
                Name = target.Name,
                LivePatchId = request.LivePatchId,
                Patch = request.Name,
                Status = isApplied ? LivePatchStatus.AlreadyApplied : LivePatchStatus.Planned,
                Jumps = writes.Count(w => w.Kind == PlannedWriteKind.Jump),
                Variables = writes.Count(w => w.Kind == PlannedWriteKind.Variable),
                Pointers = writes.Count(w => w.Kind == PlannedWriteKind.Pointer),
                LoadPause = TimeSpan.Zero,
                Pause = TimeSpan.Zero,
                Attempts = 0,
                Backend = backend.Kind,
                Message = isApplied ? "In force already; nothing was touched." : $"{writes.Count} writes planned; nothing was touched.",
            },
        };
}
