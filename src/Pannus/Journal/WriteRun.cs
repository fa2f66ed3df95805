using Pannus.Core;
using Pannus.Holding;

namespace Pannus.Journal;

/// <summary>
/// Writes that are made by one: those of one page of code, with the bytes between them as they are, or a single one. Bytes
/// of data are never written with others: the kernel may change what lies between them for a thread that sleeps in a call.
/// </summary>
internal sealed class WriteRun
{
    private const int PageShift = 12;

    private readonly PlannedWrite[] _writes;
    private readonly byte[] _bytes;

    private WriteRun(IEnumerable<PlannedWrite> writes)
    {
        _writes = [.. writes.OrderBy(w => w.Address)];
        Address = _writes[0].Address;
        _bytes = new byte[_writes[^1].Range.End - Address];
    }

    /// <summary>First address.</summary>
    public ulong Address { get; }

    /// <summary>Length in bytes.</summary>
    public int Length => _bytes.Length;

    /// <summary>The first write.</summary>
    public PlannedWrite First => _writes[0];

    /// <summary>
    /// Makes runs of writes. A padding jump is written alone, after all that come before it in the order of the writes and before
    /// all that follow: the entry that leads to it must never stand without it.
    /// </summary>
    public static IEnumerable<WriteRun> Join(MemoryMap map, IEnumerable<PlannedWrite> writes)
    {
        List<PlannedWrite> open = [];
        foreach (PlannedWrite write in writes)
        {
            if (write.Kind != PlannedWriteKind.PaddingJump)
            {
                open.Add(write);
                continue;
            }
            foreach (WriteRun run in JoinPages(map, open)) yield return run;
            open.Clear();
            yield return new WriteRun([write]);
        }
        foreach (WriteRun run in JoinPages(map, open)) yield return run;
    }

    private static IEnumerable<WriteRun> JoinPages(MemoryMap map, List<PlannedWrite> writes) =>
        writes.GroupBy(w => IsCode(map, w) ? w.Address >> PageShift : ~w.Address).Select(g => new WriteRun(g));

    // Nobody writes between the jumps: the memory is read-only, and all who could run there are held.
    private static bool IsCode(MemoryMap map, PlannedWrite write) => map.Find(write.Address) is { } region
        && (region.Access & (MemoryAccess.Execute | MemoryAccess.Write)) == MemoryAccess.Execute && write.Range.End <= region.End;

    /// <summary>Reads what is there; false when that is not what was planned over.</summary>
    public bool TryRead(HeldProcess held) => held.Read(Address, _bytes) == _bytes.Length && FindChanged() is null;

    /// <summary>The write whose old bytes were not there when <see cref="TryRead"/> read them.</summary>
    public PlannedWrite? FindChanged()
    {
        foreach (PlannedWrite write in _writes)
            if (!Bytes(write).SequenceEqual(write.Old)) return write;
        return null;
    }

    /// <summary>Writes the new bytes and reads them back.</summary>
    public bool TryWrite(HeldProcess held, byte[] scratch)
    {
        // Read again: padding jumps, and jumps between two padding jumps, may lie between these and have been written since.
        if (held.Read(Address, _bytes) != _bytes.Length) return false;
        foreach (PlannedWrite write in _writes) write.New.CopyTo(Bytes(write));
        Span<byte> found = scratch.AsSpan(0, _bytes.Length);
        return held.Write(Address, _bytes) == _bytes.Length && held.Read(Address, found) == found.Length && found.SequenceEqual(_bytes);
    }

    /// <summary>Writes the old bytes again.</summary>
    public void TakeBack(HeldProcess held)
    {
        if (held.Read(Address, _bytes) != _bytes.Length) return;
        foreach (PlannedWrite write in _writes) write.Old.CopyTo(Bytes(write));
        _ = held.Write(Address, _bytes);
    }

    private Span<byte> Bytes(PlannedWrite write) => _bytes.AsSpan((int)(write.Address - Address), write.New.Length);
}
