using Pannus.Core;
using Pannus.Targets;

namespace Pannus.Journal;

/// <summary>One patch in a target's memory.</summary>
internal sealed record JournalEntry
{
    /// <summary>Name of its mappings.</summary>
    public required string MountName { get; init; }
    /// <summary>Its mappings, ascending, the record's included.</summary>
    public required IReadOnlyList<MemoryRegion> Regions { get; init; }
    /// <summary>Where its record lies.</summary>
    public required JournalSegment Segment { get; init; }
    /// <summary>How far it has come; <see cref="JournalState.None"/> also when <see cref="Damage"/> says why that is not known.</summary>
    public required JournalState State { get; init; }
    /// <summary>What is recorded; null when nothing is, or nothing that can be trusted.</summary>
    public required JournalRecord? Record { get; init; }
    /// <summary>What is wrong with the record; empty when nothing is.</summary>
    public required string Damage { get; init; }

    /// <summary>Its lowest address.</summary>
    public ulong Address => Regions[0].Start;

    /// <summary>Its mappings as they are unmapped.</summary>
    public MapRequest Mappings => new(MountName, [.. Regions.Select(r => new MapSegment(r.Start, r.Size, r.Offset, r.Access))]);

    /// <summary>Its code.</summary>
    public IEnumerable<AddressRange> Code => Regions.Where(r => r.Access.HasFlag(MemoryAccess.Execute)).Select(r => new AddressRange(r.Start, r.Size));

    /// <summary>How messages name it.</summary>
    public string DisplayName => Record?.DisplayName ?? MountName;

    /// <summary>Whether its writes, or some of them, are in the target.</summary>
    public bool IsInForce => State is JournalState.Applying or JournalState.Applied or JournalState.Undoing;

    /// <summary>Whether a patcher has died half way, if none is at work.</summary>
    public bool IsHalfWay => State is JournalState.Applying or JournalState.Undoing;
}

/// <summary>The records of all patches in one target, read at once.</summary>
internal sealed class TargetJournal
{
    // Of all records of one process: honest ones are some hundred bytes for each write.
    private const long MostBytes = 64 << 20;

    private TargetJournal(IReadOnlyList<JournalEntry> entries) => Entries = entries;

    /// <summary>All patches that are mapped, in the order of stacking; those without a record first.</summary>
    public IReadOnlyList<JournalEntry> Entries { get; }

    /// <summary>Patches whose writes are in the target, lowest first.</summary>
    public IEnumerable<JournalEntry> InForce => Entries.Where(e => e.IsInForce);

    /// <summary>The number for a patch that is put on top of all.</summary>
    public ulong NextSequence => Entries.Max(e => e.Record?.Sequence) + 1 ?? 1;

    public static TargetJournal Read(TargetProcess target) => Read(target.Map, target.Memory, target.Id);

    public static TargetJournal Read(MemoryMap map, IMemoryReader memory, int id)
    {
        long budget = MostBytes;
        List<JournalEntry> entries = [];
        foreach ((string name, IReadOnlyList<MemoryRegion> regions) in MountName.All(map))
            entries.Add(Read(name, regions, memory, id, ref budget));
        return new TargetJournal([.. entries.OrderBy(e => e.Record?.Sequence ?? 0)]);
    }

    /// <summary>The one with memory at an address. Error: <see cref="PatchErrorId.LivePatchNotFound"/>.</summary>
    public JournalEntry At(ulong address) => Entries.FirstOrDefault(e => e.Regions.Any(r => r.Contains(address)))
        ?? throw new PatchException(PatchErrorId.LivePatchNotFound, $"There is no patch at 0x{address:x} any more.");

    private static JournalEntry Read(string name, IReadOnlyList<MemoryRegion> regions, IMemoryReader memory, int id,
        ref long budget)
    {
        // The last in the memfd.
        MemoryRegion last = regions.MaxBy(r => r.Offset);
        var segment = new JournalSegment(last.Start, last.Size);
        var state = JournalState.None;
        JournalRecord? record = null;
        string damage = "";
        try
        {
            if ((last.Access & ~MemoryAccess.Read) != 0) throw new InvalidDataException("its memory is not read-only and private");
            (state, record) = segment.Read(memory, id, ref budget);
            if (record is { Sequence: ulong.MaxValue }) throw new InvalidDataException("its number is the last there is");
        }
        catch (InvalidDataException e)
        {
            (state, record, damage) = (JournalState.None, null, e.Message);
        }
        return new JournalEntry { MountName = name, Regions = regions, Segment = segment, State = state, Record = record, Damage = damage };
    }
}
