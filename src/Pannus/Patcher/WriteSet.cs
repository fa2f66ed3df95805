using Pannus.Controller;

namespace Pannus.Patcher;

/// <summary>
/// The planned writes in the form that a held target needs: buffers made, ranges known, nothing left to allocate. Writes
/// all of them or none.
/// </summary>
internal sealed class WriteSet
{
    private readonly PlannedWrite[] _writes;
    private readonly byte[] _scratch;

    public WriteSet(IReadOnlyList<PlannedWrite> writes)
    {
        _writes = [.. writes.Where(w => !w.IsDone)];
        Guarded = [.. _writes.Select(w => w.Guarded).Where(g => g.Length > 0)];
        _scratch = new byte[_writes.Length == 0 ? 0 : _writes.Max(w => w.New.Length)];
        for (int i = 0; i < _writes.Length; i++)
        {
            for (int k = 0; k < i; k++)
            {
                if (!_writes[i].Range.Overlaps(_writes[k].Range)) continue;
                throw new PatchException(PatchErrorId.CommandInvalid,
                    $"{Describe(_writes[k])} and {Describe(_writes[i])} overwrite the same bytes. Leave one of them out.");
            }
        }
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
    public PlannedWrite? Write(IHeldProcess held)
    {
        // What was planned over must still be there: somebody else may have written meanwhile.
        foreach (PlannedWrite write in _writes)
            if (!Holds(held, write.Address, write.Old)) return write;
        for (int i = 0; i < _writes.Length; i++)
        {
            PlannedWrite write = _writes[i];
            if (held.Write(write.Address, write.New) == write.New.Length && Holds(held, write.Address, write.New)) continue;
            TakeBack(held, i);
            return write;
        }
        return null;
    }

    /// <summary>Puts back what <see cref="Write"/> has written.</summary>
    public void TakeBack(IHeldProcess held) => TakeBack(held, _writes.Length - 1);

    private void TakeBack(IHeldProcess held, int last)
    {
        for (int i = last; i >= 0; i--) _ = held.Write(_writes[i].Address, _writes[i].Old);
    }

    /// <summary>How a message names a write.</summary>
    public static string Describe(PlannedWrite write) =>
        write.Symbol.Length > 0 ? $"{write.Kind} {write.Symbol}" : $"{write.Kind} at 0x{write.Address:x}";

    private bool Holds(IHeldProcess held, ulong address, byte[] expected)
    {
        Span<byte> found = _scratch.AsSpan(0, expected.Length);
        return held.Read(address, found) == found.Length && found.SequenceEqual(expected);
    }
}
