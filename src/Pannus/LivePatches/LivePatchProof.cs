using Pannus.Applying;
using Pannus.Backends;
using Pannus.Core;
using Pannus.Journal;
using Pannus.Safety;
using Pannus.Targets;

namespace Pannus.LivePatches;

/// <summary>Proves that a patch is in force: in memory, and in what the threads execute.</summary>
internal static class LivePatchProof
{
    /// <summary>Adds to <paramref name="patch"/> what was found. Errors as of a stop.</summary>
    public static LivePatchInfo Verify(TargetProcess target, TargetJournal journal, JournalEntry entry, LivePatchInfo patch, WriteOptions options)
    {
        List<string> findings = [];
        if (patch.Message.Length > 0) findings.Add(patch.Message);
        findings.AddRange(Differences(target, journal, entry));
        bool isVerified = findings.Count == 0;
        List<int> threads = ThreadsIn(target, OldCode(target, journal, entry), options);
        if (threads.Count > 0) findings.Add($"Still in what it replaced: thread {string.Join(", ", threads)}.");
        return patch with { IsVerified = isVerified, ThreadsInOldCode = threads.Count, Message = string.Join(" ", findings) };
    }

    private static IEnumerable<string> Differences(TargetProcess target, TargetJournal journal, JournalEntry entry)
    {
        JournalRecord record = entry.Record!;
        string? damage = null;
        try
        {
            int there = JournalCheck.Permitted(target, [record], record.Writes).Count;
            if (there < record.Writes.Count) damage = $"{record.Writes.Count - there} writes went to modules that are no longer there.";
        }
        catch (PatchException e)
        {
            damage = e.Message;
        }
        if (damage is not null) yield return damage;
        foreach (ChangedValue changed in new PatchLayers(target.Memory, journal.InForce).Compare(entry)) yield return $"{changed}.";
    }

    // The replaced functions behind their jumps, and the code of earlier patches of them as far as that is still there.
    private static IEnumerable<AddressRange> OldCode(TargetProcess target, TargetJournal journal, JournalEntry entry)
    {
        PlannedWrite[] jumps = [.. entry.Record!.Writes.Where(w => w.Kind == PlannedWriteKind.Jump)];
        IEnumerable<AddressRange> functions = jumps.SelectMany(w => w.Function)
            .Where(f => target.Modules.Any(m => m.Holds(f.Start, f.Length)));
        IEnumerable<AddressRange> patches = journal.Entries
            .Where(e => e.Record is { } r && r.Sequence < entry.Record.Sequence && r.Writes.Any(w => jumps.Any(j => j.Address == w.Address)))
            .SelectMany(e => e.Code);
        return functions.Concat(patches).Where(r => r.Length > 0);
    }

    private static List<int> ThreadsIn(TargetProcess target, IEnumerable<AddressRange> ranges, WriteOptions options)
    {
        var ids = new List<int>(target.ThreadIds.Count * 2 + 64);
        using ActivenessCheck check = ActivenessCheck.Prepare(target, ranges, [], SafetyCheck.Stack, scanMemory: false);
        bool isCertain = false;
        for (int attempt = 0; !isCertain; attempt++)
        {
            BackendSelector.Select(options.Backend).WhileHeld(target, options.Timeout,
                leaveSleepers: attempt < PatchTransaction.StopsThatLeaveSleepers, held =>
            {
                check.FindActive(held, ids);
                isCertain = held.IsSealed;
            });
        }
        return ids;
    }
}
