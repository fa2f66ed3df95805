using System.Diagnostics;
using Pannus.Applying;
using Pannus.Backends;
using Pannus.Core;
using Pannus.Images;
using Pannus.Journal;
using Pannus.Targets;

namespace Pannus.LivePatches;

/// <summary>
/// Takes patches back: restores what a patch overwrote while nobody is inside it, and then unmaps it if nothing can come
/// back to it. Applied or half applied, by whomever, at any time.
/// </summary>
public static class LivePatchUndo
{
    private sealed record UndoPlan(JournalEntry Entry, PatchLayers Stack, IReadOnlyList<PlannedWrite> Writes, IReadOnlyList<ChangedValue> Changed);

    // Where a patcher died while it mapped, the thread that it had borrowed may still wait for a processor to go home.
    private static readonly TimeSpan s_wayHome = TimeSpan.FromMilliseconds(200), s_pause = TimeSpan.FromMilliseconds(20);

    /// <summary>
    /// What <see cref="Undo"/> would do, or refuse. Touches nothing. Errors: <see cref="PatchErrorId.LivePatchNotFound"/>,
    /// <see cref="PatchErrorId.LivePatchRequired"/>, <see cref="PatchErrorId.ValueChanged"/>,
    /// <see cref="PatchErrorId.JournalDamaged"/>.
    /// </summary>
    /// <param name="target">The process.</param>
    /// <param name="address">An address in the patch's memory (<see cref="LivePatchInfo.Address"/>).</param>
    /// <param name="options">How.</param>
    public static UndoResult Plan(TargetProcess target, ulong address, UndoOptions options)
    {
        TargetAccess.CheckCanPatch(target, borrowsThread: BackendSelector.Select(options.Write.Backend).Kind == BackendKind.Ptrace);
        UndoPlan plan = PlanLocked(target, address, options);
        string message = $"{plan.Writes.Count} writes planned; nothing was touched.";
        if (plan.Changed.Count > 0) message += $" Lost would be: {string.Join("; ", plan.Changed)}.";
        return Describe(target, plan.Entry, UndoStatus.Planned, plan.Writes.Count, default, message);
    }

    /// <summary>
    /// Takes a patch back. After any error the target is as it was. Errors as of <see cref="Plan"/>, and
    /// <see cref="PatchErrorId.FunctionActive"/> when a thread is inside the patch, or will return into it, to the end.
    /// </summary>
    public static UndoResult Undo(TargetProcess target, ulong address, UndoOptions options, Action<string>? verbose = null,
        CancellationToken cancellation = default)
    {
        ITargetBackend backend = BackendSelector.Select(options.Write.Backend);
        TimeSpan timeout = options.Write.Timeout;
        using TargetLock hold = TargetLock.Take(target, timeout, cancellation);
        target.Refresh();
        TargetAccess.CheckCanPatch(target, borrowsThread: BackendSelector.Select(options.Write.Backend).Kind == BackendKind.Ptrace);
        UndoPlan plan = PlanLocked(target, address, options);
        JournalEntry entry = plan.Entry;
        foreach (PlannedWrite w in plan.Writes)
            verbose?.Invoke($"{w.DisplayName} at 0x{w.Address:x} in {w.Module}: {w.OldBytes} -> {w.NewBytes}");

        WriteResult written = !entry.IsInForce ? default
            : JournalTransaction.Write(target, plan.Stack, [entry], plan.Writes, options.Write, verbose, cancellation);
        // Who frees what was retained before wants it gone: then also those are stopped whose calls notice it.
        string? use;
        long start = Stopwatch.GetTimestamp();
        do use = JournalTransaction.Retire(target, entry, backend, timeout, leaveSleepers: entry.IsInForce && !options.Force);
        while (use is not null && entry.Record is null && Stopwatch.GetElapsedTime(start) < s_wayHome && !cancellation.WaitHandle.WaitOne(s_pause));
        if (use is null) RetireRuntime(target, options, cancellation);
        if (use is null)
            return Describe(target, entry, UndoStatus.Undone, plan.Writes.Count, written, $"Taken back; {entry.MountName} is unmapped.");
        if (entry.Record is null) throw InUse(target, entry, use);
        return Describe(target, entry, UndoStatus.Retained, plan.Writes.Count, written,
            $"Taken back; its memory is kept because of {use}. Undo it again later to free it.");
    }

    // It leaves with the last patch that needs it. Where that fails it stays, which harms nobody, and the next undo tries again.
    private static void RetireRuntime(TargetProcess target, UndoOptions options, CancellationToken cancellation)
    {
        target.Refresh();
        TargetJournal journal = TargetJournal.Read(target);
        if (journal.Entries.FirstOrDefault(UnwindRanges.IsRuntime) is not { } runtime) return;
        bool isNeeded = journal.Entries.Any(e => e.Record is { } r && r.Requires.Contains(UnwindRuntime.Name));
        if (isNeeded || UnwindRanges.Open(target, journal) is { } ranges && !ranges.IsEmptyBut(runtime)) return;
        try
        {
            UndoPlan plan = PlanLocked(target, runtime.Address, options);
            if (runtime.IsInForce) _ = JournalTransaction.Write(target, plan.Stack, [runtime], plan.Writes, options.Write, null, cancellation);
            _ = JournalTransaction.Retire(target, runtime, BackendSelector.Select(options.Write.Backend), options.Write.Timeout);
        }
        catch (PatchException)
        {
            // The patch that was to be undone is.
        }
    }

    private static UndoPlan PlanLocked(TargetProcess target, ulong address, UndoOptions options)
    {
        TargetJournal journal = TargetJournal.Read(target);
        JournalEntry entry = journal.At(address);
        if (entry.State == JournalState.Mounted)
        {
            throw new PatchException(PatchErrorId.LivePatchNotFound,
                $"{entry.MountName} is only mounted into {target.DisplayName}. Unmap it with Dismount-PatchModule.");
        }
        var stack = new PatchLayers(target.Memory, journal.InForce);
        if (!entry.IsInForce) return new UndoPlan(entry, stack, [], []);

        JournalRecord record = entry.Record!;
        JournalEntry? dependent = journal.InForce.FirstOrDefault(e => e != entry && e.Record!.Requires.Any(record.IsCalled));
        if (dependent is not null && !options.Force)
        {
            throw new PatchException(PatchErrorId.LivePatchRequired,
                $"{dependent.DisplayName} in {target.DisplayName} requires {record.DisplayName}. Undo that first, or use -Force.");
        }
        IReadOnlyList<ChangedValue> changed = stack.Remove(entry);
        IReadOnlyList<PlannedWrite> writes = JournalCheck.Permitted(target, [record], stack.MemoryWrites());
        if (changed.Count > 0 && !options.Force)
            throw LayerPlan.Lost(target, record, changed, "With -Force what is there now is lost.");
        return new UndoPlan(entry, stack, writes, changed);
    }

    private static PatchException InUse(TargetProcess target, JournalEntry entry, string use) => new(
        entry.Damage.Length > 0 ? PatchErrorId.JournalDamaged : PatchErrorId.Interrupted,
        $"{entry.MountName} in {target.DisplayName} has no record that can be trusted{(entry.Damage.Length > 0 ? $" ({entry.Damage})" : "")}, and "
        + $"it is in use: {use}. Nothing was changed. Restart the process to be rid of it.");

    private static UndoResult Describe(TargetProcess target, JournalEntry entry, UndoStatus status, int writes, WriteResult written,
        string message) => new()
        {
            Id = target.Id,
            Name = target.Name,
            LivePatchId = entry.Record?.LivePatchId ?? MountName.Id(entry.MountName),
            Patch = entry.Record?.Patch ?? MountName.FileName(entry.MountName),
            Status = status,
            Writes = writes,
            Pause = written.Pause,
            Attempts = written.Attempts,
            Message = message,
        };
}
