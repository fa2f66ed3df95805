using Pannus.Backends;
using Pannus.Core;
using Pannus.Journal;
using Pannus.Targets;

namespace Pannus.Applying;

/// <summary>
/// Writes that take patches back, with the records kept right before and after, so that the patcher may die at any point:
/// what it leaves is as it was, or done, or marked as half way, and to do it again completes it.
/// </summary>
internal static class JournalTransaction
{
    /// <summary>
    /// Makes <paramref name="writes"/> while nobody is inside the patches that go. Errors as of
    /// <see cref="PatchTransaction.Write"/>; then nothing has changed.
    /// </summary>
    /// <param name="target">The process, locked.</param>
    /// <param name="stack">From which those that go are removed.</param>
    /// <param name="going">The patches that go.</param>
    /// <param name="writes">What to write.</param>
    /// <param name="options">How to stop.</param>
    /// <param name="verbose">Told what happens.</param>
    /// <param name="cancellation">Ends it before the first byte.</param>
    public static WriteResult Write(TargetProcess target, PatchLayers stack, IReadOnlyList<JournalEntry> going,
        IReadOnlyList<PlannedWrite> writes, WriteOptions options, Action<string>? verbose, CancellationToken cancellation)
    {
        AddressRange[] leaving = [.. going.SelectMany(e => e.Code)];
        WriteResult written;
        try
        {
            foreach (JournalEntry entry in going) entry.Segment.SetState(target.WritableMemory, JournalState.Undoing);
            written = PatchTransaction.WriteLocked(target, writes, options, verbose, cancellation, leaving);
        }
        catch
        {
            foreach (JournalEntry entry in going) entry.Segment.TrySetState(target.WritableMemory, entry.State);
            throw;
        }
        foreach ((JournalEntry above, JournalRecord record) in stack.ChangedRecords())
            above.Segment.TryReplace(target.WritableMemory, JournalFormat.Encode(record));
        return written;
    }

    /// <summary>
    /// Marks a patch whose writes are taken back as retained, and unmaps it if that may be. Returns null, or why it is retained, for a
    /// message.
    /// </summary>
    public static string? Retire(TargetProcess target, JournalEntry entry, ITargetBackend backend, TimeSpan timeout, bool leaveSleepers = true)
    {
        // First, so that nobody takes for half way, and finishes, what is half unmapped.
        if (entry.Record is not null) entry.Segment.SetState(target.WritableMemory, JournalState.Retained);
        return PatchRemoval.TryUnmap(target, entry, backend, timeout, leaveSleepers);
    }
}
