using Pannus.Applying;
using Pannus.Core;
using Pannus.Images;
using Pannus.Journal;
using Pannus.Symbols;
using Pannus.Targets;
using Pannus.Unwinding;

namespace Pannus.LivePatches;

/// <summary>Whether the target's own unwinders are told of a patch.</summary>
public enum UnwindOption
{
    /// <summary>When the patch handles exceptions, or the target has an unwinder that may come through it.</summary>
    Auto,
    /// <summary>In any case.</summary>
    Always,
    /// <summary>Not at all: an exception or a cancellation that comes through the patch ends the target.</summary>
    Never,
}

/// <summary>
/// Decides whether a patch has to be found by the target's unwinders, for exceptions, thread cancellation and backtraces that
/// come through it, and puts the <see cref="UnwindRuntime"/> in place and takes it away.
/// </summary>
internal static class UnwindSupport
{
    // Who links one of these, or has the functions itself, may unwind at any time.
    private static readonly string[] s_unwinders = ["libgcc_s.so", "libunwind", "libc++abi.so", "libstdc++.so", "libasan.so", "libtsan.so"];
    private static readonly string[] s_functions = ["_Unwind_RaiseException", "_Unwind_ForcedUnwind", "_Unwind_Backtrace", "_Unwind_Resume"];
    // These load libgcc_s when they are first called.
    private static readonly string[] s_loaders = ["pthread_cancel", "pthread_exit", "backtrace"];

    /// <summary>Whether a patch needs it in a target.</summary>
    public static bool IsNeeded(TargetProcess target, PatchImage image, UnwindOption option) => option switch
    {
        UnwindOption.Always => image.Frames.Count > 0 ? true : throw new PatchException(PatchErrorId.PatchFileInvalid,
            $"{image.Name} has no .eh_frame, so that no unwinder can be told of it. Compile it with -fasynchronous-unwind-tables."),
        UnwindOption.Never => false,
        _ => image.Frames.Count > 0 && (image.HandlesExceptions || MayUnwind(target)),
    };

    /// <summary>
    /// The runtime as a patch to apply. Error: <see cref="PatchErrorId.SymbolNotFound"/> when the target's unwinders ask nothing that could
    /// be answered.
    /// </summary>
    public static LivePatchRequest RequestFor(TargetProcess target, LivePatchRequest request)
    {
        PatchCommandSet commands = UnwindRuntime.CommandsFor(new SymbolResolver(target, request.Symbols)) ?? throw new PatchException(PatchErrorId.SymbolNotFound,
            $"Exceptions, cancellation or backtraces may come through {request.Name}, and {target.DisplayName} has neither _dl_find_object nor "
            + "dl_iterate_phdr by name, by which its unwinder would find the patch. Give the program's symbols (-SymbolFile), or use "
            + "-Unwind Never if nothing is thrown through the patch.");
        return new LivePatchRequest
        {
            Patch = UnwindRuntime.Open(target.Architecture), Commands = commands, Symbols = request.Symbols, Options = request.Options, Unwind = UnwindOption.Never,
        };
    }

    /// <summary>Finishes a runtime that a dead patcher left half way: it would be in the way of every patch.</summary>
    public static void FinishRuntime(TargetProcess target, LivePatchRequest request, Action<LivePatchRequest> apply)
    {
        if (request.Patch.Path == UnwindRuntime.Name) return;
        if (TargetJournal.Read(target).InForce.Any(e => e.IsHalfWay && UnwindRanges.IsRuntime(e))) apply(RequestFor(target, request));
    }

    /// <summary>Tells unwinders of a patch that is mapped, before anything leads into it.</summary>
    public static void Tell(TargetProcess target, LivePatchPlan plan, LivePatchRequest request)
    {
        IReadOnlyList<FrameIndex> frames = plan.Frames;
        bool isHalfWay = plan.There!.Same is { IsHalfWay: true } same && same.Record!.Requires.Contains(UnwindRuntime.Name);
        if (isHalfWay) frames = [.. FrameIndex.FindAll(plan.There.Same!.Regions, target.Memory)];
        if (frames.Count == 0) return;
        target.Refresh();
        TargetJournal journal = TargetJournal.Read(target);
        UnwindRanges ranges = UnwindRanges.Open(target, journal) ?? throw new PatchException(PatchErrorId.LivePatchRequired,
            $"{request.Name} requires {UnwindRuntime.Name}, which is not in force in {target.DisplayName} any more. Apply it again.");
        // Its own code is unwound through like any other.
        ranges.Add(FrameIndex.FindAll(UnwindRanges.RuntimeIn(journal)!.Regions, target.Memory));
        ranges.Add(frames);
    }

    /// <summary>Takes back what <see cref="Tell"/> told, of a patch that nothing has led into.</summary>
    public static void Forget(TargetProcess target, LivePatchPlan plan)
    {
        if (plan.Frames.Count == 0 || !target.IsAlive) return;
        MemoryRegion[] regions = [.. plan.Load!.Request.Segments.Select(s => new MemoryRegion(s.Address, s.Address + s.Length, s.Access, s.Offset, 0, 0, ""))];
        UnwindRanges.Open(target, TargetJournal.Read(target))?.Remove(regions);
    }

    private static bool MayUnwind(TargetProcess target)
    {
        foreach (TargetModule module in target.Modules)
        {
            if (s_unwinders.Any(n => module.Name.StartsWith(n, StringComparison.Ordinal))) return true;
            bool isLibc = module.Name.StartsWith("libc.so", StringComparison.Ordinal) || module.Name.StartsWith("ld-", StringComparison.Ordinal)
                || module.Name.StartsWith("libpthread.so", StringComparison.Ordinal);
            if (isLibc) continue;
            if (module.Image.DynamicSymbols.Find([.. s_functions, .. s_loaders]).Any(s => !s.Symbol.IsDefined)) return true;
            if (module.IsExecutable && module.Image.SymbolTable.Find(s_functions).Any(s => s.Symbol.IsDefined)) return true;
        }
        return false;
    }
}
