using Pannus.Backends;
using Pannus.Core;
using Pannus.Holding;
using Pannus.Journal;
using Pannus.Targets;
using Pannus.Unwinding;

namespace Pannus.Applying;

/// <summary>Unmaps a patch that is in force no more, when it is certain that nothing comes back to it.</summary>
internal static class PatchRemoval
{
    /// <summary>
    /// Returns null when it is unmapped, else what may come back to it, for a message; then nothing was done. With
    /// <paramref name="leaveSleepers"/> a thread is such that sleeps in a call which would notice that it is stopped.
    /// </summary>
    public static string? TryUnmap(TargetProcess target, JournalEntry entry, ITargetBackend backend, TimeSpan timeout, bool leaveSleepers)
    {
        target.Refresh();
        var use = new PatchUse(target, entry.Regions);
        if (use.FindLink() is { } link) return link;
        // Threads, memory, and threads again: an address that was on its way from the one to the other meanwhile is found.
        if (use.FindThread(backend, timeout, leaveSleepers, out IReadOnlyCollection<HeldThread> threads) is { } thread) return thread;
        if (use.FindPointer(threads) is { } pointer) return pointer;
        if (use.FindThread(backend, timeout, leaveSleepers, out _) is { } late) return late;
        // Before it is unmapped: what is mapped there next is not to be taken for it.
        UnwindRanges? ranges = UnwindRanges.IsRuntime(entry) ? null : UnwindRanges.Open(target, TargetJournal.Read(target));
        IReadOnlyList<FrameIndex> frames = ranges?.Remove(entry.Regions) ?? [];
        try
        {
            backend.Unmap(target, entry.Mappings, timeout);
            return null;
        }
        catch (PatchException e) when (target.IsAlive)
        {
            ranges?.Add(frames);
            return $"a failure to unmap it ({e.Message})";
        }
    }
}
