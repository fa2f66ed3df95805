using Pannus.Core;
using Pannus.Journal;
using Pannus.Targets;

namespace Pannus.LivePatches;

/// <summary>How a patch that is to be applied stands to those that are in the target already.</summary>
internal sealed record LayerPlan
{
    /// <summary>The records.</summary>
    public required TargetJournal Journal { get; init; }
    /// <summary>The same patch, applied or half way; null when it is new.</summary>
    public required JournalEntry? Same { get; init; }
    /// <summary>The patches that it replaces, lowest first.</summary>
    public required IReadOnlyList<JournalEntry> Replaced { get; init; }
    /// <summary>The patches in force, those that are replaced taken out.</summary>
    public required PatchLayers Stack { get; init; }

    /// <summary>Variables and pointers of the same patch, already applied, that the program has changed since.</summary>
    public required IReadOnlyList<ChangedValue> Changed { get; init; }

    /// <summary>Whether all of it is in force.</summary>
    public bool IsApplied => Same is { State: JournalState.Applied } && Replaced.Count == 0;

    /// <summary>
    /// Reads the records and works it out. Errors: <see cref="PatchErrorId.Interrupted"/> when another patch is half way,
    /// <see cref="PatchErrorId.LivePatchRequired"/>, <see cref="PatchErrorId.ValueChanged"/>,
    /// <see cref="PatchErrorId.JournalDamaged"/>.
    /// </summary>
    public static LayerPlan Make(TargetProcess target, LivePatchRequest request)
    {
        TargetJournal journal = TargetJournal.Read(target);
        JournalEntry? same = journal.InForce.LastOrDefault(e => e.Record!.LivePatchId == request.LivePatchId);
        JournalEntry[] replaced = [.. journal.InForce.Where(e => e != same && request.Commands.Replaces.Any(e.Record!.IsCalled))];
        CheckNoneHalfWay(target, request, journal.InForce.Except(replaced).Where(e => e != same));
        CheckRequired(target, request, [.. journal.InForce.Except(replaced)]);
        CheckNotRequired(target, request, replaced, journal.InForce.Except(replaced));

        var stack = new PatchLayers(target.Memory, journal.InForce);
        foreach (JournalEntry entry in Enumerable.Reverse(replaced))
        {
            IReadOnlyList<ChangedValue> changed = stack.Remove(entry);
            if (changed.Count > 0) throw Lost(target, entry.Record!, changed, "Undo it with -Force first; then what is there now is lost.");
        }
        IReadOnlyList<ChangedValue> changedValues = [];
        if (same is not null)
        {
            if (same.IsHalfWay) stack.Finish(same);
            else changedValues = stack.Compare(same);
            if (changedValues.Where(c => c.Write.Kind is PlannedWriteKind.Jump or PlannedWriteKind.PaddingJump).ToArray() is { Length: > 0 } jumps)
                throw Lost(target, same.Record!, jumps, "Undo it with -Force, and apply it again.");
        }
        return new LayerPlan { Journal = journal, Same = same, Replaced = replaced, Stack = stack, Changed = changedValues };
    }

    /// <summary>
    /// What is to be written in memory that <paramref name="top"/>, the new patch's writes, does not write anyway. Error:
    /// <see cref="PatchErrorId.JournalDamaged"/>.
    /// </summary>
    public IReadOnlyList<PlannedWrite> MemoryWrites(TargetProcess target, IReadOnlyList<PlannedWrite> top) => JournalCheck.Permitted(
        target, (Same is null ? Replaced : Replaced.Append(Same)).Select(e => e.Record!), Stack.MemoryWrites(top));

    /// <summary>The refusal to lose what something else wrote.</summary>
    public static PatchException Lost(TargetProcess target, JournalRecord record, IReadOnlyList<ChangedValue> changed, string advice) =>
        new(PatchErrorId.ValueChanged, $"Something else has written over {record.DisplayName} in {target.DisplayName}: "
            + $"{string.Join("; ", changed)}. Nothing was changed. {advice}");

    private static void CheckNoneHalfWay(TargetProcess target, LivePatchRequest request, IEnumerable<JournalEntry> others)
    {
        if (others.FirstOrDefault(e => e.IsHalfWay) is not { } entry) return;
        throw new PatchException(PatchErrorId.Interrupted, $"{entry.DisplayName} is half way in {target.DisplayName}, as its patcher died or "
            + $"is at work. Apply it again, or undo it (Undo-LivePatch {target.Id} {entry.Record!.LivePatchId}); then apply {request.Name}.");
    }

    private static void CheckRequired(TargetProcess target, LivePatchRequest request, IReadOnlyList<JournalEntry> there)
    {
        foreach (string id in request.Commands.Requires)
        {
            if (there.Any(e => e.State == JournalState.Applied && e.Record!.IsCalled(id))) continue;
            throw new PatchException(PatchErrorId.LivePatchRequired,
                $"{request.Name} requires the patch {id}, which is not applied to {target.DisplayName}. Apply that first.");
        }
    }

    private static void CheckNotRequired(TargetProcess target, LivePatchRequest request, IReadOnlyList<JournalEntry> replaced,
        IEnumerable<JournalEntry> others)
    {
        foreach (JournalEntry other in others)
        {
            string? missing = other.Record!.Requires.FirstOrDefault(id => replaced.Any(r => r.Record!.IsCalled(id))
                && id != request.Name && !id.Equals(request.LivePatchId, StringComparison.OrdinalIgnoreCase));
            if (missing is null) continue;
            throw new PatchException(PatchErrorId.LivePatchRequired,
                $"{request.Name} would replace {missing}, which {other.DisplayName} in {target.DisplayName} requires. Undo that first.");
        }
    }
}
