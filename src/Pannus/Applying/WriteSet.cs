using Pannus.Core;
using Pannus.Holding;
using Pannus.Journal;
using Pannus.Safety;
using Pannus.Targets;

namespace Pannus.Applying;

/// <summary>
/// The planned writes in the form that a held target needs: buffers made, ranges known, nothing left to allocate. Writes
/// all of them or none.
/// </summary>
internal sealed class WriteSet
{
    private readonly PlannedWrite[] _writes;
    private readonly WriteRun[] _runs;
    private readonly byte[] _scratch;

    /// <summary>Error: <see cref="PatchErrorId.CommandInvalid"/> when two of them overlap.</summary>
    public WriteSet(TargetProcess target, IReadOnlyList<PlannedWrite> writes)
    {
        _writes = [.. writes.Where(w => !w.IsDone)];
        CheckApart(_writes);
        Guarded = [.. _writes.Select(w => w.Guarded).Where(g => g.Length > 0)];
        _runs = [.. WriteRun.Join(target.Map, _writes)];
        _scratch = new byte[_runs.Length == 0 ? 0 : _runs.Max(r => r.Length)];
    }

    /// <summary>Where no thread may go on.</summary>
    public AddressRange[] Guarded { get; }

    /// <summary>Where no thread may have a frame, as far as that is checked.</summary>
    public IEnumerable<AddressRange> Functions(SafetyCheck check) => check == SafetyCheck.Stack ? _writes.SelectMany(w => w.Function) : [];

    /// <summary>Whether there is nothing to write.</summary>
    public bool IsEmpty => _writes.Length == 0;

    /// <summary>
    /// Writes and reads back. Returns null when all is written; else the write that failed, after all before it were
    /// taken back.
    /// </summary>
    public PlannedWrite? Write(HeldProcess held)
    {
        // What was planned over must still be there: somebody else may have written meanwhile.
        foreach (WriteRun run in _runs)
            if (!run.TryRead(held)) return run.FindChanged() ?? run.First;
        for (int i = 0; i < _runs.Length; i++)
        {
            if (_runs[i].TryWrite(held, _scratch)) continue;
            TakeBack(held, i);
            return _runs[i].First;
        }
        return null;
    }

    /// <summary>Puts back what <see cref="Write"/> has written.</summary>
    public void TakeBack(HeldProcess held) => TakeBack(held, _runs.Length - 1);

    private void TakeBack(HeldProcess held, int last)
    {
        for (int i = last; i >= 0; i--) _runs[i].TakeBack(held);
    }

    /// <summary>Error: <see cref="PatchErrorId.CommandInvalid"/> when two writes overlap.</summary>
    public static void CheckApart(IEnumerable<PlannedWrite> writes)
    {
        PlannedWrite? last = null;
        foreach (PlannedWrite write in writes.Where(w => !w.IsDone).OrderBy(w => w.Address))
        {
            if (last is not null && last.Range.Overlaps(write.Range))
            {
                throw new PatchException(PatchErrorId.CommandInvalid,
                    $"{last.DisplayName} and {write.DisplayName} overwrite the same bytes. Leave one of them out.");
            }
            last = write;
        }
    }
}
