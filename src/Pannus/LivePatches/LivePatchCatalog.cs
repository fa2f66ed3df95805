using Pannus.Applying;
using Pannus.Core;
using Pannus.Journal;
using Pannus.Linux;
using Pannus.Targets;

namespace Pannus.LivePatches;

/// <summary>The patches that are applied on this host, whoever applied them. Looks only; stops and changes nothing.</summary>
public static class LivePatchCatalog
{
    // Of a name in /proc/PID/maps; what is found by it is parsed and checked afterwards.
    private static ReadOnlySpan<byte> Marker => "/memfd:pannus:"u8;

    /// <summary>The patches of one process, in the order of stacking.</summary>
    public static IReadOnlyList<LivePatchInfo> Get(TargetProcess target)
    {
        JournalEntry[] entries = [.. TargetJournal.Read(target).Entries.Where(IsPatch)];
        bool isAtWork = entries.Any(e => e.IsHalfWay || e.State == JournalState.None)
            && TargetLock.IsTaken(target);
        return [.. entries.Select(e => Describe(target, e, isAtWork))];
    }

    /// <summary>
    /// As <see cref="Get"/>, and compares memory with the records, and tells which threads still run what was replaced, for
    /// which the target is held for an instant. Errors as of <see cref="Applying.PatchTransaction.Check"/>.
    /// </summary>
    public static IReadOnlyList<LivePatchInfo> Verify(TargetProcess target, WriteOptions options, CancellationToken cancellation = default)
    {
        using TargetLock hold = TargetLock.Take(target, options.Timeout, cancellation);
        target.Refresh();
        TargetJournal journal = TargetJournal.Read(target);
        return [.. journal.Entries.Where(IsPatch).Select(e =>
        {
            LivePatchInfo patch = Describe(target, e, isAtWork: false);
            return e.IsInForce ? LivePatchProof.Verify(target, journal, e, patch, options) : patch;
        })];
    }

    /// <summary>The patches of all processes that this user may look into, by process id.</summary>
    public static IEnumerable<LivePatchInfo> GetAll(CancellationToken cancellation = default)
    {
        byte[] buffer = new byte[64 * 1024];
        foreach (int id in ProcFile.ProcessIds().Order())
        {
            if (cancellation.IsCancellationRequested) yield break;
            if (id == Environment.ProcessId || !IsMarked(id, buffer)) continue;
            foreach (LivePatchInfo patch in TryGet(id)) yield return patch;
        }
    }

    /// <summary>How many patches are applied, by a memory map and what it maps.</summary>
    internal static int CountApplied(MemoryMap map, int viewId)
    {
        if (!MountName.All(map).Any()) return 0;
        using ProcessMemory? memory = ProcessMemory.Open(viewId, out _);
        return memory is null ? 0 : TargetJournal.Read(map, memory, viewId).Entries.Count(e => e.State == JournalState.Applied && IsPatch(e));
    }

    // What Mount-PatchModule mapped is no applied patch. What has no record yet is a patch that is being loaded, or was.
    // The runtime comes and goes with those that need it.
    private static bool IsPatch(JournalEntry entry) => entry.State != JournalState.Mounted && !UnwindRanges.IsRuntime(entry);

    private static IReadOnlyList<LivePatchInfo> TryGet(int id)
    {
        try
        {
            using TargetProcess target = TargetProcess.Open(id);
            return Get(target);
        }
        catch (PatchException)
        {
            // Gone, or not this user's.
            return [];
        }
    }

    private static LivePatchInfo Describe(TargetProcess target, JournalEntry entry, bool isAtWork)
    {
        JournalRecord? record = entry.Record;
        (LivePatchState state, string message) = entry.State switch
        {
            _ when entry.Damage.Length > 0 => (LivePatchState.Damaged,
                $"The record at 0x{entry.Segment.Address:x} is not trusted: {entry.Damage}. Restart the process to be rid of it."),
            JournalState.Applied => (LivePatchState.Applied, ""),
            JournalState.Retained => (LivePatchState.Retained,
                "Taken back; its memory is kept because something may still come back to it. Undo-LivePatch frees it once that is over."),
            JournalState.Undoing when isAtWork => (LivePatchState.Undoing, "It is being taken back."),
            _ when isAtWork => (LivePatchState.Applying, "It is being applied."),
            JournalState.None => (LivePatchState.Interrupted, "Its patcher died before anything was written. Undo-LivePatch clears it away."),
            _ => (LivePatchState.Interrupted, "Its patcher died half way. Apply the same patch again, or undo it."),
        };
        int Count(PlannedWriteKind kind) => record?.Writes.Count(w => w.Kind == kind) ?? 0;
        return new LivePatchInfo
        {
            Id = target.Id,
            Name = target.Name,
            LivePatchId = record?.LivePatchId ?? MountName.Id(entry.MountName),
            Patch = record?.Patch ?? MountName.FileName(entry.MountName),
            State = state,
            AppliedAt = record?.AppliedAt.ToLocalTime(),
            Jumps = Count(PlannedWriteKind.Jump),
            Variables = Count(PlannedWriteKind.Variable),
            Pointers = Count(PlannedWriteKind.Pointer),
            Path = record?.Path ?? "",
            Sha256 = record?.Sha256 ?? "",
            BuildId = record?.BuildId ?? "",
            By = record?.By ?? "",
            Address = entry.Address,
            Message = message,
            StartTicks = target.StartTicks,
        };
    }

    // Read as bytes and searched before anything is parsed: most processes have no patch.
    private static bool IsMarked(int id, byte[] buffer)
    {
        if (FindMarker($"/proc/{id}/maps", buffer, out bool isEmpty)) return true;
        // A process whose first thread has ended shows its memory only under the others; a kernel thread has none.
        return isEmpty && ProcessStatus.TryRead(id) is { } status && TargetAccess.ViewId(id, status) is { } view && view != id
            && FindMarker($"/proc/{view}/maps", buffer, out _);
    }

    private static bool FindMarker(string path, byte[] buffer, out bool isEmpty)
    {
        isEmpty = true;
        using Descriptor? descriptor = Descriptor.TryOpen(path, OpenMode.Read);
        // Carried over from one piece to the next, as a name may lie across.
        int kept = 0;
        while (descriptor?.Read(buffer.AsSpan(kept)) is > 0 and var count)
        {
            isEmpty = false;
            Span<byte> piece = buffer.AsSpan(0, kept + (int)count);
            if (piece.IndexOf(Marker) >= 0) return true;
            kept = Math.Min(Marker.Length - 1, piece.Length);
            piece[^kept..].CopyTo(buffer);
        }
        return false;
    }
}
