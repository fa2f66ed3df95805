using Pannus.Core;

namespace Pannus.Elf;

/// <summary>
/// The debug information of one file, DWARF 2 to 5 (.debug_info and what belongs to it). Any bytes may be given: what is not
/// understood is not found. A reference is an offset in .debug_info; with the highest bit it is one in the supplementary
/// file (.gnu_debugaltlink), which <c>dwz</c> makes.
/// </summary>
internal sealed class DwarfInfo
{
    /// <summary>Marks a reference into the supplementary file.</summary>
    public const ulong InSupplement = 1ul << 63;

    private const ulong LargestSection = 1u << 30;
    private const int MostTables = 4096;

    private readonly ElfImage _image;
    private readonly Dictionary<(ulong, int, int, int), DwarfAbbreviations?> _abbreviations = [];
    private List<DwarfUnit>? _units;

    private DwarfInfo(ElfImage image, DwarfInfo? supplement) => (_image, Supplement) = (image, supplement);

    /// <summary>The supplementary file; null when there is none.</summary>
    public DwarfInfo? Supplement { get; }

    /// <summary>.debug_info.</summary>
    public ReadOnlySpan<byte> Section => Content(".debug_info");

    /// <summary>The units, in their order.</summary>
    public IReadOnlyList<DwarfUnit> Units => _units ??= ReadUnits();

    /// <summary>The debug information of a file; null when it has none, or so much that it is not read.</summary>
    public static DwarfInfo? Open(ElfImage image, DwarfInfo? supplement = null)
    {
        try
        {
            if (image.FindSection(".debug_info") is not { Type: not SectionType.NoBits } section || image.ContentSize(section) > LargestSection) return null;
            var info = new DwarfInfo(image, supplement);
            return info.Section.Length > 0 && info.Content(".debug_abbrev").Length > 0 ? info : null;
        }
        catch (PatchException)
        {
            return null;
        }
    }

    /// <summary>The contents of a section, unpacked; empty when there is none.</summary>
    public ReadOnlySpan<byte> Content(string name)
    {
        try
        {
            return _image.FindSection(name) is { } section && _image.ContentSize(section) <= LargestSection ? _image.SectionContent(section) : [];
        }
        catch (PatchException)
        {
            return [];
        }
    }

    /// <summary>The unit that an offset of the section is in; null when there is none.</summary>
    public DwarfUnit? UnitAt(ulong offset)
    {
        IReadOnlyList<DwarfUnit> units = Units;
        int low = 0, high = units.Count - 1;
        while (low <= high)
        {
            int middle = (low + high) / 2;
            if (offset < (ulong)units[middle].Offset) high = middle - 1;
            else if (offset >= (ulong)units[middle].End) low = middle + 1;
            else return units[middle];
        }
        return null;
    }

    /// <summary>The bytes of a name; empty when it can't be found.</summary>
    public ReadOnlySpan<byte> Text(DwarfUnit unit, DwarfValue value) => value.Form switch
    {
        DwarfForm.String => Section.Slice(value.Start, Math.Max(0, (int)value.Number - 1)),
        DwarfForm.StringOffset => DwarfText.At(Content(".debug_str"), value.Number),
        DwarfForm.LineString => DwarfText.At(Content(".debug_line_str"), value.Number),
        DwarfForm.GnuStringAlternate or DwarfForm.StringSupplement => Supplement is { } other ? DwarfText.At(other.Content(".debug_str"), value.Number) : [],
        DwarfForm.StringIndex or DwarfForm.StringIndex1 or DwarfForm.StringIndex2 or DwarfForm.StringIndex3 or DwarfForm.StringIndex4 =>
            Entry(".debug_str_offsets", unit.StringOffsetsBase, value.Number, unit.OffsetSize) is { } at ? DwarfText.At(Content(".debug_str"), at) : [],
        _ => [],
    };

    /// <summary>An address; null when it can't be found.</summary>
    public ulong? Address(DwarfUnit unit, DwarfValue value) => value.Form switch
    {
        DwarfForm.Address => value.Number,
        DwarfForm.AddressIndex or DwarfForm.AddressIndex1 or DwarfForm.AddressIndex2 or DwarfForm.AddressIndex3 or DwarfForm.AddressIndex4 =>
            Address(unit, value.Number),
        _ => null,
    };

    /// <summary>The address of an index; null when there is none.</summary>
    public ulong? Address(DwarfUnit unit, ulong index) => Entry(".debug_addr", unit.AddressBase, index, unit.AddressSize);

    /// <summary>What a reference leads to; null when that can't be told.</summary>
    public static ulong? Reference(DwarfUnit unit, DwarfValue value) => value.Form switch
    {
        DwarfForm.Reference1 or DwarfForm.Reference2 or DwarfForm.Reference4 or DwarfForm.Reference8 or DwarfForm.ReferenceUnsigned =>
            (ulong)unit.Offset + value.Number,
        DwarfForm.ReferenceAddress => value.Number,
        DwarfForm.GnuReferenceAlternate or DwarfForm.ReferenceSupplement4 or DwarfForm.ReferenceSupplement8 => value.Number | InSupplement,
        _ => null,
    };

    /// <summary>The abbreviations at an offset; null when they are damaged.</summary>
    public DwarfAbbreviations? AbbreviationsAt(ulong offset, int offsetSize, int addressSize, int version)
    {
        var key = (offset, offsetSize, addressSize, version);
        if (_abbreviations.TryGetValue(key, out DwarfAbbreviations? known)) return known;
        if (_abbreviations.Count >= MostTables) _abbreviations.Clear();
        return _abbreviations[key] = DwarfAbbreviations.Read(Content(".debug_abbrev"), offset, offsetSize, addressSize, version);
    }

    private ulong? Entry(string section, ulong start, ulong index, int size)
    {
        ReadOnlySpan<byte> table = Content(section);
        if (index > int.MaxValue || start > int.MaxValue || start + index * (ulong)size + (ulong)size > (ulong)table.Length) return null;
        var cursor = new ByteCursor(table, (int)(start + index * (ulong)size), table.Length);
        return cursor.Address(size);
    }

    private List<DwarfUnit> ReadUnits()
    {
        List<DwarfUnit> units = [];
        for (int at = 0, end = Section.Length; at >= 0 && at < end;)
        {
            if (DwarfUnit.Read(this, at, out int next) is { } unit) units.Add(unit);
            if (next <= at) break;
            at = next;
        }
        return units;
    }
}
