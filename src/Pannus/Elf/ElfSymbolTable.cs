using System.Buffers.Binary;
using System.Collections;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Pannus.Elf;

/// <summary>A symbol table, read where it lies: no object and no string is made for a symbol that nobody asks for.</summary>
internal sealed class ElfSymbolTable : IReadOnlyList<ElfSymbol>
{
    private readonly ElfImage _image;
    private readonly ulong _offset, _stringsOffset, _stringsSize;
    private readonly bool _is64;
    private readonly SymbolVersions? _versions;
    private readonly SymbolIndex _index;

    internal ElfSymbolTable(ElfImage image, ulong offset, int count, ulong stringsOffset, ulong stringsSize, bool is64, SymbolVersions? versions)
    {
        _image = image;
        _offset = offset;
        Count = count;
        _stringsOffset = stringsOffset;
        _stringsSize = stringsSize;
        _is64 = is64;
        _versions = versions;
        _index = SymbolIndex.Of(image.Identity, offset, count);
    }

    /// <summary>Number of symbols, the null symbol included.</summary>
    public int Count { get; }

    /// <inheritdoc/>
    public ElfSymbol this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)Count, nameof(index));
            return Decode(_image.FileSlice(_offset + (ulong)index * (ulong)EntrySize, (ulong)EntrySize, "a symbol"), index);
        }
    }

    /// <summary>The section with the section indices that do not fit st_shndx (gABI, SHT_SYMTAB_SHNDX); null when there is none.</summary>
    internal SectionHeader? ExtendedSections { private get; init; }

    private int EntrySize => _is64 ? 24 : 16;

    internal static ElfSymbolTable Empty(ElfImage image) => new(image, 0, 0, 0, 0, true, null);

    /// <summary>The symbols of the given names, each with its source file if it is local and that is known.</summary>
    internal List<(ElfSymbol Symbol, string File)> Find(IReadOnlyList<string> names)
    {
        if (Count == 0) return [];
        List<(ElfSymbol, string)> found = [];
        foreach (SymbolHit[] hits in _index.Find(names, Search))
            foreach (SymbolHit hit in hits) found.Add((this[hit.Index], hit.File > 0 ? this[hit.File].Name : ""));
        return found;
    }

    /// <summary>
    /// Indices of the symbols with an address that begin, end or lie in [start, end): a few questions are answered by a
    /// pass over the table, and more of them from an index.
    /// </summary>
    internal List<int> Near(ulong start, ulong end) => _index.ByAddress(this) is { } index ? index.Touching(this, start, end) : Touching(start, end);

    /// <summary>As <see cref="Near"/>, by a pass over the table.</summary>
    internal List<int> Touching(ulong start, ulong end)
    {
        List<int> found = [];
        if (Count == 0) return found;
        ReadOnlySpan<byte> table = Entries;
        for (int i = 1; i < Count; i++)
        {
            ReadOnlySpan<byte> entry = table.Slice(i * EntrySize, EntrySize);
            ulong value = _is64 ? BinaryPrimitives.ReadUInt64LittleEndian(entry[8..]) : BinaryPrimitives.ReadUInt32LittleEndian(entry[4..]);
            if (value >= end) continue;
            ElfSymbol s = Decode(entry, i);
            if (AddressIndex.End(value, s.Size) >= start && s.IsDefined && s.IsEntity && !s.IsThreadLocal && !s.IsAbsolute) found.Add(i);
        }
        return found;
    }

    // First the names in the string table, then the symbols that have a name there: both as fast as memory is read.
    private SymbolHit[][] Search(IReadOnlyList<string> names)
    {
        var hits = new List<SymbolHit>?[names.Count];
        List<NamePlace> places = new NameSet(names).FindIn(Strings);
        places.Sort(static (a, b) => a.Offset.CompareTo(b.Offset));
        ReadOnlySpan<byte> table = Entries;
        int last = 0, file = 0;
        foreach (SymbolPlace symbol in SymbolsAt(places))
        {
            // The local symbols of a source file follow its STT_FILE (gABI, "Symbol Table").
            bool isLocal = Info(table, symbol.Index) >> 4 == (int)ElfSymbolBinding.Local;
            int at = symbol.Index;
            while (isLocal && at > last && (Info(table, at) & 0xf) != (int)ElfSymbolType.File) at--;
            if (isLocal) (last, file) = (symbol.Index, at > last ? at : file);
            (hits[symbol.Name] ??= []).Add(new SymbolHit(symbol.Index, isLocal ? file : 0));
        }
        return [.. hits.Select(h => h is null ? [] : h.ToArray())];
    }

    private byte Info(ReadOnlySpan<byte> table, int index) => table[index * EntrySize + (_is64 ? 4 : 12)];

    // The symbols, but the null symbol, whose st_name is one of the given, which are in order.
    private List<SymbolPlace> SymbolsAt(List<NamePlace> names)
    {
        const int filterBits = 16;
        const uint multiplier = 0x9e3779b1; // 2^32 divided by the golden ratio.
        List<SymbolPlace> found = [];
        if (names.Count == 0) return found;
        var filter = new ulong[1 << filterBits >> 6];
        foreach (NamePlace name in names)
        {
            uint hash = name.Offset * multiplier >> (32 - filterBits);
            filter[hash >> 6] |= 1ul << (int)hash;
        }
        ref byte entry = ref MemoryMarshal.GetReference(Entries);
        int size = EntrySize, count = Count;
        for (int i = 1; i < count; i++)
        {
            uint offset = Unsafe.ReadUnaligned<uint>(ref Unsafe.Add(ref entry, (nint)i * size));
            uint hash = offset * multiplier >> (32 - filterBits);
            if ((filter[hash >> 6] >> (int)hash & 1) != 0 && Find(names, offset) is >= 0 and var name) found.Add(new SymbolPlace(i, name));
        }
        return found;
    }

    private static int Find(List<NamePlace> names, uint offset)
    {
        for (int low = 0, high = names.Count - 1; low <= high;)
        {
            int middle = (low + high) / 2;
            if (names[middle].Offset == offset) return names[middle].Name;
            if (names[middle].Offset < offset) low = middle + 1;
            else high = middle - 1;
        }
        return -1;
    }

    private sealed record SymbolPlace(int Index, int Name);

    /// <summary>
    /// The symbols whose names are wanted, in one pass, each with its source file if it is local and that is known; only
    /// the first <paramref name="most"/> defined ones where that is given.
    /// </summary>
    internal List<(ElfSymbol Symbol, string File)> Find(Utf8NamePredicate isWanted, int most = int.MaxValue)
    {
        List<(ElfSymbol, string)> found = [];
        uint? file = null;
        if (Count == 0) return found;
        int size = EntrySize;
        ReadOnlySpan<byte> table = Entries, strings = Strings;
        for (int i = 1; i < Count; i++)
        {
            ReadOnlySpan<byte> entry = table.Slice(i * size, size);
            uint name = BinaryPrimitives.ReadUInt32LittleEndian(entry);
            byte info = entry[_is64 ? 4 : 12];
            // The local symbols of a source file follow its STT_FILE (gABI, "Symbol Table").
            if ((info & 0xf) == (int)ElfSymbolType.File) file = name;
            if (name >= (uint)strings.Length || !isWanted(ElfImage.TextBytes(strings, name))) continue;
            bool isLocal = info >> 4 == (int)ElfSymbolBinding.Local;
            ElfSymbol symbol = Decode(entry, i);
            if (most < int.MaxValue && !(symbol.IsDefined && symbol.IsEntity)) continue;
            found.Add((symbol, isLocal && file is { } at ? ElfImage.Text(strings, at) : ""));
            if (found.Count >= most) break;
        }
        return found;
    }

    /// <summary>Refuses names that would together take far more memory than the file does.</summary>
    internal void CheckNames()
    {
        var budget = new NameBudget(_image, (int)_stringsSize);
        ReadOnlySpan<byte> strings = Strings;
        HashSet<uint> known = [];
        for (int i = 0; i < Count; i++)
        {
            uint name = this[i].NameOffset;
            if (known.Add(name)) budget.Spend(ElfImage.TextBytes(strings, name).Length);
        }
    }

    /// <summary>The section of a symbol with SHN_XINDEX; 0, so that it counts as undefined, when nothing tells.</summary>
    internal uint ExtendedSection(int index)
    {
        ulong at = 4 * (ulong)index;
        return ExtendedSections is { } section && at + 4 <= section.Size
            ? BinaryPrimitives.ReadUInt32LittleEndian(_image.FileSlice(section.Offset + at, 4, "an extended section index")) : 0;
    }

    internal string NameAt(uint offset) => ElfImage.Text(Strings, offset);

    internal string VersionOf(int index, out bool isDefault)
    {
        isDefault = true;
        return _versions?.Of(index, out isDefault) ?? "";
    }

    /// <inheritdoc/>
    public IEnumerator<ElfSymbol> GetEnumerator()
    {
        for (int i = 0; i < Count; i++) yield return this[i];
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private ReadOnlySpan<byte> Entries => _image.FileSlice(_offset, (ulong)Count * (ulong)EntrySize, "the symbol table");

    private ReadOnlySpan<byte> Strings => _image.FileSlice(_stringsOffset, _stringsSize, "symbol names");

    private ElfSymbol Decode(ReadOnlySpan<byte> e, int index) => _is64
        ? new ElfSymbol(this, index, BinaryPrimitives.ReadUInt32LittleEndian(e), BinaryPrimitives.ReadUInt64LittleEndian(e[8..]),
            BinaryPrimitives.ReadUInt64LittleEndian(e[16..]), e[4], e[5], BinaryPrimitives.ReadUInt16LittleEndian(e[6..]))
        : new ElfSymbol(this, index, BinaryPrimitives.ReadUInt32LittleEndian(e), BinaryPrimitives.ReadUInt32LittleEndian(e[4..]),
            BinaryPrimitives.ReadUInt32LittleEndian(e[8..]), e[12], e[13], BinaryPrimitives.ReadUInt16LittleEndian(e[14..]));
}

/// <summary>Whether a name, in UTF-8 without NUL, is wanted.</summary>
internal delegate bool Utf8NamePredicate(ReadOnlySpan<byte> name);

/// <summary>A symbol (gABI, "Symbol Table").</summary>
internal readonly struct ElfSymbol
{
    private const ushort Undefined = 0, FirstReserved = 0xff00, Absolute = 0xfff1, Common = 0xfff2, Extended = 0xffff;

    private readonly ElfSymbolTable _table;
    private readonly uint _name;
    private readonly byte _info, _other;
    private readonly ushort _section;

    internal ElfSymbol(ElfSymbolTable table, int index, uint name, ulong value, ulong size, byte info, byte other, ushort section)
    {
        (_table, Index, _name, Value, Size, _info, _other, _section) = (table, index, name, value, size, info, other, section);
    }

    internal uint NameOffset => _name;

    /// <summary>Index in its table.</summary>
    public int Index { get; }

    /// <summary>Virtual address, or offset in its section (objects) or in the TLS block.</summary>
    public ulong Value { get; }

    /// <summary>Size in bytes; 0 when not known.</summary>
    public ulong Size { get; }

    /// <summary>
    /// Index of its section, as st_shndx or (for SHN_XINDEX) the table beside has it; 0 when it is undefined, and the highest
    /// number for the other reserved indices, which are none.
    /// </summary>
    public uint SectionIndex => _section < FirstReserved ? _section
        : _section == Extended ? _table.ExtendedSection(Index) : uint.MaxValue;

    /// <summary>Kind.</summary>
    public ElfSymbolType Type => (ElfSymbolType)(_info & 0xf);

    /// <summary>Binding.</summary>
    public ElfSymbolBinding Binding => (ElfSymbolBinding)(_info >> 4);

    /// <summary>Whether it is STV_HIDDEN or STV_INTERNAL.</summary>
    public bool IsHidden => (_other & 3) is 1 or 2;

    /// <summary>Whether it is STV_PROTECTED: its own module's references are bound to it.</summary>
    public bool IsProtected => (_other & 3) == 3;

    /// <summary>Name without version.</summary>
    public string Name => _table is null ? "" : _table.NameAt(_name);

    /// <summary>Version that it has or asks for; empty when there is none.</summary>
    public string Version => _table is null ? "" : _table.VersionOf(Index, out _);

    /// <summary>Whether its version is the one that a reference without a version means (<c>@@</c>).</summary>
    public bool IsDefaultVersion
    {
        get
        {
            bool isDefault = true;
            _ = _table?.VersionOf(Index, out isDefault);
            return isDefault;
        }
    }

    /// <summary>Whether it is defined here.</summary>
    public bool IsDefined => _section != Undefined && (_section != Extended || SectionIndex != 0);

    /// <summary>SHN_ABS: the value is no address.</summary>
    public bool IsAbsolute => _section == Absolute;

    /// <summary>SHN_COMMON: room that is yet to be allocated; the value is its alignment.</summary>
    public bool IsCommon => _section == Common;

    /// <summary>STB_LOCAL.</summary>
    public bool IsLocal => Binding == ElfSymbolBinding.Local;

    /// <summary>STB_WEAK.</summary>
    public bool IsWeak => Binding == ElfSymbolBinding.Weak;

    /// <summary>STT_FUNC or STT_GNU_IFUNC.</summary>
    public bool IsFunction => Type is ElfSymbolType.Function or ElfSymbolType.IndirectFunction;

    /// <summary>STT_GNU_IFUNC.</summary>
    public bool IsIndirect => Type == ElfSymbolType.IndirectFunction;

    /// <summary>STT_TLS.</summary>
    public bool IsThreadLocal => Type == ElfSymbolType.ThreadLocal;

    /// <summary>Whether it names something in memory, and not a section or a source file.</summary>
    public bool IsEntity => Type is not (ElfSymbolType.Section or ElfSymbolType.File);
}
