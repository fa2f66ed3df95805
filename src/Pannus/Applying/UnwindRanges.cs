using System.Text;
using Pannus.Core;
using Pannus.Images;
using Pannus.Journal;
using Pannus.Targets;
using Pannus.Unwinding;

namespace Pannus.Applying;

/// <summary>
/// The table of <see cref="UnwindRuntime"/> in a target: which code is a patch's, and where its call frame information is found.
/// </summary>
/// <remarks>
/// Readers take no lock and may be interrupted anywhere, so every change is a store of one aligned word, in an order in which
/// no reader can take a mixture for an entry (Runtime/unwind.S has the layout). An entry comes before anything leads into its patch, and
/// goes when it is certain that no thread comes back to it, before it is unmapped: whatever is mapped there later is not
/// taken for it. The target may write anything into it: that decides only how its own stacks are unwound.
/// </remarks>
internal sealed class UnwindRanges
{
    private const int HeaderWords = 8, EntryWords = 4, MostEntries = 1024;
    private const int CountWord = 1, LinkMapWord = 2, NameWord = 4, StartWord = 0, EndWord = 1, IndexWord = 2, SizeWord = 3;
    private const uint Magic = 0x756e5750; // "PWnu"

    private readonly TargetProcess _target;
    private readonly ulong _address;

    private UnwindRanges(TargetProcess target, ulong address) => (_target, _address) = (target, address);

    /// <summary>The patch of the runtime in a journal; null when the target has none that answers.</summary>
    public static JournalEntry? RuntimeIn(TargetJournal journal) =>
        journal.InForce.FirstOrDefault(e => IsRuntime(e) && TableOf(e) is not null);

    /// <summary>Whether a patch is the runtime, in force or not: by its path, which a file of a user has whole.</summary>
    public static bool IsRuntime(JournalEntry entry) => entry.Record?.Path == UnwindRuntime.Name;

    /// <summary>Opens the table; null when the target has no runtime.</summary>
    public static UnwindRanges? Open(TargetProcess target, TargetJournal journal) =>
        RuntimeIn(journal) is { } runtime && TableOf(runtime) is { } address ? new UnwindRanges(target, address) : null;

    /// <summary>Whether no patch is in it but the runtime itself.</summary>
    public bool IsEmptyBut(JournalEntry runtime) => Entries().All(e => runtime.Regions.Any(r => r.Contains(e.Start)));

    /// <summary>
    /// Tells unwinders of a patch. What is there already is left. Errors: <see cref="PatchErrorId.NoAddressSpace"/> when the table is full,
    /// <see cref="PatchErrorId.MemoryInaccessible"/>.
    /// </summary>
    public void Add(IEnumerable<FrameIndex> indexes)
    {
        if (Read(0) != Magic) Begin();
        foreach (FrameIndex index in indexes)
        {
            int count = Count;
            int slot = Enumerable.Range(0, count).FirstOrDefault(i => Read(Word(i, EndWord)) == index.Code.End && Read(Word(i, StartWord)) == index.Code.Start, -1);
            if (slot >= 0) continue;
            slot = Enumerable.Range(0, count).FirstOrDefault(i => Read(Word(i, EndWord)) == 0, count);
            if (slot == MostEntries)
            {
                throw new PatchException(PatchErrorId.NoAddressSpace,
                    $"{_target.DisplayName} has {MostEntries} patches that unwinders are told of, and no more can be. Undo some.");
            }
            Write(Word(slot, IndexWord), index.Header);
            Write(Word(slot, SizeWord), index.Size);
            Write(Word(slot, StartWord), index.Code.Start);
            Write(Word(slot, EndWord), index.Code.End);
            if (slot == count) Write(CountWord, (ulong)count + 1);
        }
    }

    /// <summary>Takes away what lies in a patch's mappings. Returns what was there, for <see cref="Add"/>.</summary>
    public IReadOnlyList<FrameIndex> Remove(IReadOnlyList<MemoryRegion> regions)
    {
        List<FrameIndex> removed = [];
        for (int i = 0; i < Count; i++)
        {
            ulong start = Read(Word(i, StartWord)), end = Read(Word(i, EndWord));
            if (end <= start || !regions.Any(r => r.Contains(start))) continue;
            removed.Add(new FrameIndex(new AddressRange(start, end - start), Read(Word(i, IndexWord)), Read(Word(i, SizeWord))));
            Write(Word(i, EndWord), 0);
        }
        return removed;
    }

    private IEnumerable<AddressRange> Entries() => Enumerable.Range(0, Count)
        .Select(i => new AddressRange(Read(Word(i, StartWord)), Read(Word(i, EndWord)) - Read(Word(i, StartWord))))
        .Where(r => r.Length > 0 && r.End > r.Start);

    private int Count => (int)Math.Min(Read(CountWord), MostEntries);

    private int WordSize => _target.Architecture.Word.Size;

    // The magic last: until then the table is empty to everybody.
    private void Begin()
    {
        byte[] name = new byte[WordSize * (HeaderWords - NameWord)];
        Encoding.ASCII.GetBytes("pannus").CopyTo(name, 0);
        Put(_address + (ulong)(NameWord * WordSize), name);
        Write(LinkMapWord, LinkMap.Find(_target, _target.Executable) ?? 0);
        Write(0, Magic);
    }

    private static int Word(int entry, int word) => HeaderWords + entry * EntryWords + word;

    private ulong Read(int word) => _target.Architecture.Word.TryRead(_target.Memory, _address + (ulong)(word * WordSize)) ?? 0;

    private void Write(int word, ulong value) => Put(_address + (ulong)(word * WordSize), _target.Architecture.Word.Bytes(value));

    private void Put(ulong address, ReadOnlySpan<byte> bytes)
    {
        if (_target.WritableMemory.Write(address, bytes) == bytes.Length) return;
        _target.CheckStillThere();
        throw new PatchException(PatchErrorId.MemoryInaccessible,
            $"The table of patches at 0x{address:x} in {_target.DisplayName} could not be written through /proc/{_target.ViewId}/mem.");
    }

    // The only data that the runtime has.
    private static ulong? TableOf(JournalEntry entry) => entry.Regions.Any(r => r.Access.HasFlag(MemoryAccess.Write))
        ? entry.Regions.First(r => r.Access.HasFlag(MemoryAccess.Write)).Start : null;
}
