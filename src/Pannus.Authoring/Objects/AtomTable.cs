using Pannus.Elf;

namespace Pannus.Authoring.Objects;

/// <summary>
/// Cuts an object into atoms. Code is cut by sections, data by the symbols in them; data without symbols is cut where
/// something refers to it, as that is where a compiler put something down.
/// </summary>
internal sealed class AtomTable
{
    private readonly BuildObject _object;
    private readonly List<Atom>[] _sections;
    private readonly Dictionary<(int Section, long Offset), Atom> _merged = [];
    private readonly Dictionary<int, Atom> _common = [];
    private readonly List<Atom> _all = [];

    private AtomTable(BuildObject o)
    {
        _object = o;
        _sections = [.. o.Elf.Sections.Select(_ => new List<Atom>())];
    }

    public IReadOnlyList<Atom> All => _all;

    public static AtomTable Read(BuildObject o)
    {
        var table = new AtomTable(o);
        ILookup<int, ObjectSymbol> symbols = o.Symbols.Where(s => s.Symbol.IsEntity && !s.IsTemporary
            && o.SectionOf(s) is not null)
            .ToLookup(s => (int)s.Symbol.SectionIndex);
        Dictionary<int, SortedSet<ulong>> anchors = table.Anchors();
        foreach (SectionHeader s in o.Elf.Sections)
        {
            if (!s.Flags.HasFlag(SectionFlags.Alloc) || IsLeftOut(s)) continue;
            if (s.Size > int.MaxValue) throw o.Elf.Invalid($"section {s.Name} has an impossible size");
            if (s.Type != SectionType.NoBits) _ = o.Elf.SectionData(s);
            table.Cut(s, [.. symbols[s.Index]], anchors.GetValueOrDefault(s.Index, []));
        }
        foreach (ObjectSymbol s in o.Symbols.Where(s => s.Symbol.IsCommon))
        {
            var atom = new Atom(o, null, AtomKind.Data, 0, s.Symbol.Size) { Symbols = [s], Alignment =
                Math.Max(s.Symbol.Value, 1) };
            table._common[s.Index] = atom;
            table._all.Add(atom);
        }
        return table;
    }

    public Atom? FindCommon(int symbol) => _common.GetValueOrDefault(symbol);

    /// <summary>
    /// The atom at an offset of a section. A place before or after the only atom is still that atom's.
    /// </summary>
    public Atom? Find(SectionHeader section, long offset)
    {
        List<Atom> atoms = _sections[section.Index];
        if (atoms.Count == 1) return atoms[0];
        int low = 0;
        for (int high = atoms.Count; low < high;)
        {
            int middle = (low + high) / 2;
            if ((long)atoms[middle].Start <= offset) low = middle + 1;
            else high = middle;
        }
        if (low > 0) return atoms[low - 1];
        if (atoms.Count > 0) return atoms[0];
        return section.Flags.HasFlag(SectionFlags.Merge) ? Merged(section, offset) : null;
    }

    /// <summary>What section holds.</summary>
    public static AtomKind KindOf(SectionHeader s)
    {
        if (RunsByItself(s)) return AtomKind.Gathered;
        if (s.Flags.HasFlag(SectionFlags.ExecInstr)) return AtomKind.Code;
        if (s.Flags.HasFlag(SectionFlags.Tls)) return AtomKind.ThreadLocal;
        // The linker marks the ends of a section with the name of a C variable, for programs that gather things in one.
        if (s.Name.Length > 0 && s.Name.All(c => char.IsAsciiLetterOrDigit(c) || c == '_')) return AtomKind.Gathered;
        bool isWritten = s.Flags.HasFlag(SectionFlags.Write) && !IsNamed(s.Name, ".data.rel.ro")
            && !s.Name.Contains(".DW.ref.");
        return isWritten ? AtomKind.Data : AtomKind.Constant;
    }

    /// <summary>Whether it says what runs at the start of the program.</summary>
    public static bool RunsAtStart(SectionHeader s) => s.Type is SectionType.InitArray or SectionType.PreinitArray
        || s.Name is ".init" || IsNamed(s.Name, ".ctors");

    /// <summary>Whether it says what runs at the start or the end of the program.</summary>
    public static bool RunsByItself(SectionHeader s) => RunsAtStart(s) || s.Type is SectionType.FiniArray
        || s.Name is ".fini" || IsNamed(s.Name, ".dtors");

    private static bool IsNamed(string section, string name) =>
        section == name || section.StartsWith(name + ".", StringComparison.Ordinal);

    private static bool IsLeftOut(SectionHeader s) => s.Type == SectionType.Note || s.Name == ".eh_frame"
        || s.Name.StartsWith(".note", StringComparison.Ordinal);

    private void Cut(SectionHeader s, ObjectSymbol[] symbols, SortedSet<ulong> anchors)
    {
        AtomKind kind = KindOf(s);
        if (symbols.Length == 0 && (s.Size == 0 || s.Flags.HasFlag(SectionFlags.Merge))) return;
        if (kind is AtomKind.Code or AtomKind.Gathered)
        {
            Add(s, kind, 0, s.Size, [.. symbols.OrderBy(Rank).ThenBy(x => x.Index)]);
            return;
        }
        SortedDictionary<ulong, List<ObjectSymbol>> starts = [];
        ulong end = 0;
        foreach (ObjectSymbol symbol in symbols.OrderBy(x => x.Symbol.Value).ThenByDescending(x => x.Symbol.Size))
        {
            // One inside another is a second name for a part of it.
            if (symbol.Symbol.Value > s.Size || (symbol.Symbol.Value < end
                && !starts.ContainsKey(symbol.Symbol.Value))) continue;
            if (!starts.TryGetValue(symbol.Symbol.Value,
                out List<ObjectSymbol>? same)) starts[symbol.Symbol.Value] = same = [];
            same.Add(symbol);
            end = Math.Max(end, symbol.Symbol.Value + symbol.Symbol.Size);
        }
        AddAnchors(s, starts, anchors);
        if (starts.Count == 0) starts.Add(0, []);
        ulong[] order = [.. starts.Keys];
        for (int i = 0; i < order.Length; i++)
        {
            ulong next = i + 1 < order.Length ? order[i + 1] : s.Size;
            List<ObjectSymbol> named = starts[order[i]];
            ulong size = named.Select(x => x.Symbol.Size).DefaultIfEmpty().Max() is > 0 and var known
                && known <= s.Size - order[i] ? known : next - order[i];
            Add(s, kind, order[i], size, [.. named.OrderBy(Rank).ThenBy(x => x.Index)]);
        }
    }

    // Both are in order: what is inside a symbol is no start of its own.
    private static void AddAnchors(SectionHeader s, SortedDictionary<ulong, List<ObjectSymbol>> starts,
        SortedSet<ulong> anchors)
    {
        KeyValuePair<ulong, List<ObjectSymbol>>[] named = [.. starts];
        int next = 0;
        ulong end = 0;
        foreach (ulong anchor in anchors)
        {
            for (; next < named.Length && named[next].Key <= anchor; next++)
                end = Math.Max(end, named[next].Value.Max(x => x.Symbol.Value + x.Symbol.Size));
            if (anchor < s.Size && anchor >= end) starts.TryAdd(anchor, []);
        }
    }

    private void Add(SectionHeader s, AtomKind kind, ulong start, ulong size, ObjectSymbol[] symbols)
    {
        ulong alignment = Math.Max(s.Alignment, 1);
        while (start % alignment != 0) alignment /= 2;
        if (symbols is [var first, ..] && first.Name.StartsWith("DW.ref.", StringComparison.Ordinal)) kind =
            AtomKind.Constant;
        var atom = new Atom(_object, s, kind, start, size) { Symbols = symbols, Alignment = alignment };
        _sections[s.Index].Add(atom);
        _all.Add(atom);
    }

    // The function's own name before its labels, what others see before what they don't, and no local alias of gcc's.
    private static int Rank(ObjectSymbol s) => (s.Symbol.IsFunction || s.Symbol.Type is ElfSymbolType.Object
        or ElfSymbolType.ThreadLocal ? 0 : 8)
        + (s.Symbol.Value == 0 ? 0 : 4) + (s.IsLocal ? 2 : 0) + (s.Symbol.IsWeak ? 1 : 0);

    // Data without a symbol begins where something refers to it.
    private Dictionary<int, SortedSet<ulong>> Anchors()
    {
        Dictionary<int, SortedSet<ulong>> anchors = [];
        foreach (SectionHeader s in _object.Elf.Sections)
        {
            if (_object.RelocationsOf(s) is not { Length: > 0 } relocations) continue;
            ReferenceReader.Scan(_object, s, relocations, (section, offset) =>
            {
                if (section.Flags.HasFlag(SectionFlags.ExecInstr) || offset < 0) return;
                if (!anchors.TryGetValue(section.Index, out SortedSet<ulong>? set)) anchors[section.Index] = set = [];
                set.Add((ulong)offset);
            });
        }
        return anchors;
    }

    private Atom? Merged(SectionHeader s, long offset)
    {
        if (offset < 0 || (ulong)offset >= s.Size || s.Type == SectionType.NoBits) return null;
        if (_merged.TryGetValue((s.Index, offset), out Atom? known)) return known;
        int unit = (int)Math.Clamp(s.EntrySize, 1, 64);
        ReadOnlySpan<byte> rest = _object.Elf.SectionData(s)[(int)offset..];
        int size = Math.Min(unit, rest.Length);
        if (s.Flags.HasFlag(SectionFlags.Strings))
        {
            int at = 0;
            while (at + unit <= rest.Length && rest.Slice(at, unit).ContainsAnyExcept((byte)0)) at += unit;
            size = Math.Min(at + unit, rest.Length);
        }
        ulong alignment = Math.Max(s.Alignment, 1);
        while ((ulong)offset % alignment != 0) alignment /= 2;
        return _merged[(s.Index, offset)] = new Atom(_object, s, AtomKind.Constant, (ulong)offset,
            (ulong)size) { Alignment = alignment };
    }
}
