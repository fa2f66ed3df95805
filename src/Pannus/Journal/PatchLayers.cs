using Pannus.Core;

namespace Pannus.Journal;

/// <summary>
/// Which byte of a target belongs to which of its patches, for patches that overwrite the same bytes. Works out, without
/// touching anything, what has to be written when one of them goes or comes, and how the records of the others change.
/// </summary>
/// <remarks>
/// Patches lie on one another in the order of their numbers. What a patch covers, <see cref="PlannedWrite.Old"/>, is what
/// the next lower one wrote, or what the program had. So taking out one that has others above it changes no memory, only
/// what the next higher one covers; that is done byte by byte, as writes may overlap without being the same.
/// </remarks>
internal sealed class PatchLayers
{
    private sealed class Layer(JournalEntry entry, PlannedWrite[] writes)
    {
        private readonly WritesByAddress _byAddress = new(writes);

        public JournalEntry Entry => entry;
        public PlannedWrite[] Writes => writes;
        public bool IsChanged { get; set; }

        public PlannedWrite? At(ulong address) => _byAddress.At(address);
    }

    private readonly struct WritesByAddress(IEnumerable<PlannedWrite> writes)
    {
        private readonly PlannedWrite[] _sorted = [.. writes.OrderBy(w => w.Address)];

        public PlannedWrite? At(ulong address)
        {
            int low = 0, high = _sorted.Length;
            while (low < high)
            {
                int middle = (low + high) / 2;
                if (_sorted[middle].Address <= address) low = middle + 1;
                else high = middle;
            }
            return low > 0 && _sorted[low - 1].Range.Contains(address) ? _sorted[low - 1] : null;
        }
    }

    private readonly IMemoryReader _memory;
    private readonly List<Layer> _layers = [];
    // What will be in memory where that is not what is there now, and whose write it is.
    private readonly SortedDictionary<ulong, (byte Value, PlannedWrite Owner)> _changes = [];
    private readonly Dictionary<PlannedWrite, int> _order = new(ReferenceEqualityComparer.Instance);

    /// <param name="memory">The target's memory.</param>
    /// <param name="entries">The patches in force, lowest first.</param>
    public PatchLayers(IMemoryReader memory, IEnumerable<JournalEntry> entries)
    {
        _memory = memory;
        foreach (JournalEntry entry in entries)
            _layers.Add(new Layer(entry, [.. entry.Record!.Writes.Select(w => w with { Old = [.. w.Old] })]));
    }

    /// <summary>
    /// Takes a patch out. Returns what a patch has written and no longer finds there, and so is lost: nothing as a rule.
    /// </summary>
    public IReadOnlyList<ChangedValue> Remove(JournalEntry entry)
    {
        int index = _layers.FindIndex(l => l.Entry == entry);
        Layer layer = _layers[index];
        List<ChangedValue> changed = [];
        // The other way round than they were written.
        foreach (PlannedWrite write in Enumerable.Reverse(layer.Writes))
        {
            _ = _order.TryAdd(write, _order.Count);
            byte[] now = Seen(index, write);
            if (!IsExpected(entry, write, now)) changed.Add(new ChangedValue(write, now));
            for (int i = 0; i < write.Old.Length; i++) Put(index, write, i, write.Old[i]);
        }
        _layers.RemoveAt(index);
        return changed;
    }

    /// <summary>Puts a patch's bytes in again where a patcher that died has left others.</summary>
    public void Finish(JournalEntry entry)
    {
        int index = _layers.FindIndex(l => l.Entry == entry);
        foreach (PlannedWrite write in _layers[index].Writes)
        {
            _ = _order.TryAdd(write, _order.Count);
            for (int i = 0; i < write.New.Length; i++) Put(index, write, i, write.New[i]);
        }
    }

    /// <summary>
    /// What a patch that was applied finds changed since: bytes that are neither its own nor those of a patch above it.
    /// </summary>
    public IReadOnlyList<ChangedValue> Compare(JournalEntry entry)
    {
        int index = _layers.FindIndex(l => l.Entry == entry);
        return [.. _layers[index].Writes.Select(w => new ChangedValue(w, Seen(index, w))).Where(c => !c.Now.AsSpan().SequenceEqual(c.Write.New))];
    }

    /// <summary>What a write that is planned for the top will cover once the rest is done.</summary>
    public PlannedWrite OnTop(PlannedWrite write)
    {
        byte[] old = [.. write.Old];
        for (int i = 0; i < old.Length; i++)
            if (_changes.TryGetValue(write.Address + (ulong)i, out (byte Value, PlannedWrite) change)) old[i] = change.Value;
        return write with { Old = old };
    }

    /// <summary>
    /// The writes to memory in the order of what they change, each within one write of one patch; without those bytes that
    /// <paramref name="top"/> writes anyway.
    /// </summary>
    public IReadOnlyList<PlannedWrite> MemoryWrites(IReadOnlyList<PlannedWrite>? top = null)
    {
        List<(PlannedWrite Write, int Order)> writes = [];
        List<(ulong Address, byte Value, PlannedWrite Owner)> run = [];
        var above = new WritesByAddress(top ?? []);
        foreach ((ulong address, (byte value, PlannedWrite owner)) in _changes)
        {
            if (above.At(address) is not null) continue;
            if (run.Count > 0 && (run[^1].Address + 1 != address || !ReferenceEquals(run[^1].Owner, owner))) Flush();
            run.Add((address, value, owner));
        }
        if (run.Count > 0) Flush();
        return [.. writes.OrderBy(w => w.Order).Select(w => w.Write)];

        void Flush()
        {
            (ulong address, _, PlannedWrite owner) = run[0];
            byte[] old = new byte[run.Count];
            _ = _memory.Read(address, old);
            writes.Add((owner with
            {
                Address = address, Old = old, New = [.. run.Select(r => r.Value)],
                // What is restored may be entered at any time: it is what goes that nobody may be inside.
                Function = [],
                Guarded = owner.Kind switch
                {
                    // The first byte is left out: a thread that is about to execute it finds what was there before.
                    PlannedWriteKind.Jump => new AddressRange(address + 1, (ulong)run.Count - 1),
                    PlannedWriteKind.PaddingJump => new AddressRange(address, (ulong)run.Count),
                    _ => default,
                },
            }, _order[owner]));
            run.Clear();
        }
    }

    /// <summary>The records that change because what they cover does.</summary>
    public IEnumerable<(JournalEntry Entry, JournalRecord Record)> ChangedRecords() =>
        _layers.Where(l => l.IsChanged).Select(l => (l.Entry, l.Entry.Record! with { Writes = l.Writes }));

    // What a patch half way may find: each byte old or new. What an applied one finds is all of it new, or put back.
    private static bool IsExpected(JournalEntry entry, PlannedWrite write, byte[] now)
    {
        if (now.AsSpan().SequenceEqual(write.New) || now.AsSpan().SequenceEqual(write.Old)) return true;
        if (!entry.IsHalfWay) return false;
        for (int i = 0; i < now.Length; i++)
            if (now[i] != write.New[i] && now[i] != write.Old[i]) return false;
        return true;
    }

    // The bytes that a layer would see at its own writes if nothing lay above it.
    private byte[] Seen(int index, PlannedWrite write)
    {
        byte[] now = new byte[write.New.Length];
        _ = _memory.Read(write.Address, now);
        for (int i = 0; i < now.Length; i++)
        {
            ulong address = write.Address + (ulong)i;
            if (Above(index, address) is { } above) now[i] = above.Write.Old[above.Offset];
            else if (_changes.TryGetValue(address, out (byte Value, PlannedWrite) change)) now[i] = change.Value;
        }
        return now;
    }

    private void Put(int index, PlannedWrite write, int i, byte value)
    {
        ulong address = write.Address + (ulong)i;
        if (Above(index, address) is not { } above) _changes[address] = (value, write);
        else if (above.Write.Old[above.Offset] != value)
        {
            above.Write.Old[above.Offset] = value;
            above.Layer.IsChanged = true;
        }
    }

    private (Layer Layer, PlannedWrite Write, int Offset)? Above(int index, ulong address)
    {
        for (int i = index + 1; i < _layers.Count; i++)
            if (_layers[i].At(address) is { } write) return (_layers[i], write, (int)(address - write.Address));
        return null;
    }
}

/// <summary>Memory that no longer holds what a patch wrote.</summary>
/// <param name="Write">The patch's write.</param>
/// <param name="Now">What is there instead.</param>
internal sealed record ChangedValue(PlannedWrite Write, byte[] Now)
{
    /// <inheritdoc/>
    public override string ToString() =>
        $"{Write.DisplayName} holds {Hex(Now)} and not {Hex(Write.New)} as it was written (before the patch: {Hex(Write.Old)})";

    private static string Hex(byte[] bytes) => bytes.Length <= 32 ? Convert.ToHexString(bytes).ToLowerInvariant()
        : Convert.ToHexString(bytes, 0, 32).ToLowerInvariant() + "...";
}
