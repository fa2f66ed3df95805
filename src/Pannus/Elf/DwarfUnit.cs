namespace Pannus.Elf;

/// <summary>A unit of .debug_info (DWARF 5, 7.5.1): its header, and what its first entry says that others need.</summary>
internal sealed class DwarfUnit
{
    private const byte Skeleton = 4, SplitCompile = 5, TypeUnit = 2, SplitType = 6;

    private readonly DwarfInfo _info;

    private DwarfUnit(DwarfInfo info, int offset, int end, int offsetSize) => (_info, Offset, End, OffsetSize) = (info, offset, end, offsetSize);

    /// <summary>Where it begins in the section.</summary>
    public int Offset { get; }
    /// <summary>Where the next one begins.</summary>
    public int End { get; }
    /// <summary>Bytes of an offset: 4, or 8 in the 64-bit format.</summary>
    public int OffsetSize { get; }
    /// <summary>Bytes of an address.</summary>
    public int AddressSize { get; private set; }
    /// <summary>Version of DWARF.</summary>
    public int Version { get; private set; }
    /// <summary>Where its first entry begins.</summary>
    public int First { get; private set; }
    /// <summary>Its abbreviations.</summary>
    public DwarfAbbreviations Abbreviations { get; private set; } = null!;
    /// <summary>The file that it debugs.</summary>
    public DwarfInfo Info => _info;
    /// <summary>DW_AT_name: path of the source file.</summary>
    public string Name { get; private set; } = "";
    /// <summary>DW_AT_comp_dir: what that is relative to.</summary>
    public string Directory { get; private set; } = "";
    /// <summary>DW_AT_low_pc, which range lists may be relative to.</summary>
    public ulong LowPc { get; private set; }
    /// <summary>DW_AT_stmt_list; null when there is none.</summary>
    public ulong? Lines { get; private set; }

    internal ulong StringOffsetsBase { get; private set; }
    internal ulong AddressBase { get; private set; }
    internal ulong RangesBase { get; private set; }
    internal ulong LocationsBase { get; private set; }

    /// <summary>Full path of the source file, as far as the compiler has noted it.</summary>
    public string Path => Name.StartsWith('/') || Directory.Length == 0 ? Name : $"{Directory}/{Name}";

    /// <summary>Reads the header at an offset. Null for what is not understood; <paramref name="next"/> is -1 where nothing can follow.</summary>
    public static DwarfUnit? Read(DwarfInfo info, int offset, out int next)
    {
        ReadOnlySpan<byte> section = info.Section;
        var cursor = new ByteCursor(section, offset, section.Length);
        ulong length = cursor.Word();
        int offsetSize = length == 0xffff_ffff ? 8 : 4;
        if (offsetSize == 8) length = cursor.Xword();
        int end = !cursor.IsBroken && length <= (ulong)(section.Length - cursor.Position) ? cursor.Position + (int)length : -1;
        next = end;
        if (end < 0 || length == 0) return null;
        var unit = new DwarfUnit(info, offset, end, offsetSize) { Version = cursor.Half() };
        byte type = unit.Version >= 5 ? cursor.Byte() : (byte)0;
        if (unit.Version >= 5) unit.AddressSize = cursor.Byte();
        ulong abbreviations = offsetSize == 8 ? cursor.Xword() : cursor.Word();
        if (unit.Version < 5) unit.AddressSize = cursor.Byte();
        if (type is Skeleton or SplitCompile) cursor.Skip(8);
        if (cursor.IsBroken || unit.Version is < 2 or > 5 || unit.AddressSize is not (4 or 8) || type is TypeUnit or SplitType) return null;
        if (info.AbbreviationsAt(abbreviations, offsetSize, unit.AddressSize, unit.Version) is not { } table) return null;
        (unit.First, unit.Abbreviations) = (cursor.Position, table);
        unit.ReadFirst();
        return unit;
    }

    // The bases first, which the other attributes may need.
    private void ReadFirst()
    {
        var walker = new DwarfWalker(this);
        if (!walker.MoveNext() || walker.Abbreviation.Tag is not (DwarfTag.CompileUnit or DwarfTag.PartialUnit)) return;
        if (Version >= 5) (StringOffsetsBase, AddressBase, RangesBase, LocationsBase) = OffsetSize == 8 ? (16ul, 16ul, 20ul, 20ul) : (8ul, 8ul, 12ul, 12ul);
        DwarfValue? name = null, directory = null, low = null;
        walker.ReadAttributes((attribute, value) =>
        {
            switch (attribute)
            {
                case DwarfAttribute.StringOffsetsBase: StringOffsetsBase = value.Number; break;
                case DwarfAttribute.AddressBase or DwarfAttribute.GnuAddressBase: AddressBase = value.Number; break;
                case DwarfAttribute.RangeListsBase: RangesBase = value.Number; break;
                case DwarfAttribute.LocationListsBase: LocationsBase = value.Number; break;
                case DwarfAttribute.StatementList: Lines = value.Number; break;
                case DwarfAttribute.Name: name = value; break;
                case DwarfAttribute.CompilationDirectory: directory = value; break;
                case DwarfAttribute.LowPc: low = value; break;
            }
        });
        if (name is { } n) Name = DwarfText.String(_info.Text(this, n));
        if (directory is { } d) Directory = DwarfText.String(_info.Text(this, d));
        if (low is { } l) LowPc = _info.Address(this, l) ?? 0;
    }
}
