using Pannus.Core;
namespace Pannus.Authoring.Dwarf;

/// <summary>A compilation, partial or type unit (DWARF 5, 7.5.1): its entries as a tree.</summary>
internal sealed class DwarfUnit
{
    private const int MostLevels = 512;
    private const int TypeUnitType = 2, SplitTypeUnitType = 6, SkeletonUnitType = 4, SplitUnitType = 5;

    private readonly DwarfReader _reader;
    private readonly int _start, _offsetSize, _addressSize, _version;
    private IReadOnlyList<string>? _files;
    private ulong _stringOffsetsBase;

    private DwarfUnit(DwarfReader reader, int start, int version, int offsetSize, int addressSize)
    {
        (_reader, _start, _version, _offsetSize, _addressSize) = (reader, start, version, offsetSize, addressSize);
    }

    /// <summary>The unit's own entry.</summary>
    public Die Root { get; private set; } = null!;

    /// <summary>Bytes of an address of the machine.</summary>
    public int AddressSize => _addressSize;

    public Die? Resolve(ulong key) => _reader.Find(key);

    /// <summary>A file by its number in DW_AT_decl_file; empty where there is none.</summary>
    public string FileName(ulong index)
    {
        _files ??= Root.Number(DieAttribute.StatementList) is { } at
            ? LineTable.Files(_reader.Sections, at, Root.Text(DieAttribute.CompilationFolder) ?? "") : [];
        return index < (ulong)_files.Count ? _files[(int)index] : "";
    }

    /// <summary>Reads the unit at the cursor and moves it to the next one.</summary>
    public static DwarfUnit Read(DwarfReader reader, byte[] bytes, ref DwarfCursor at, int section, bool isTypes)
    {
        int start = at.Position;
        ulong length = at.UnitLength(out int offsetSize);
        int end = at.Position + (int)length;
        int version = at.Half();
        if (version is < 2 or > 5) throw at.Invalid($"a unit of DWARF version {version}");
        int type = version >= 5 ? at.Byte() : 0;
        int addressSize = version >= 5 ? at.Byte() : 0;
        ulong abbreviations = at.Number(offsetSize);
        if (version < 5) addressSize = at.Byte();
        ulong signature = 0, typeOffset = 0;
        if (isTypes || type is TypeUnitType or SplitTypeUnitType)
        {
            signature = at.Xword();
            typeOffset = at.Number(offsetSize);
        }
        else if (type is SkeletonUnitType or SplitUnitType)
        {
            at.Xword();
        }
        var unit = new DwarfUnit(reader, start, version, offsetSize, addressSize);
        var content = new DwarfCursor(bytes, at.Position, end, reader.Sections.Name);
        unit.ReadTree(ref content, reader.Abbreviations(abbreviations), section);
        if (signature != 0) reader.NameType(signature, DwarfReader.Key(section, (ulong)start + typeOffset));
        at.Seek(end);
        return unit;
    }

    private void ReadTree(ref DwarfCursor at, AbbreviationTable abbreviations, int section)
    {
        Die? parent = null;
        int levels = 0;
        while (!at.IsAtEnd)
        {
            int offset = at.Position;
            ulong code = at.Unsigned();
            if (code == 0)
            {
                if (parent is null) continue; // Padding after the tree.
                parent = parent.Parent;
                levels--;
                continue;
            }
            Abbreviation a = abbreviations.Find(code) ?? throw at.Invalid($"an entry of an unknown kind {code}");
            var die = new Die(this, a.Tag, parent);
            if (parent is null) Root ??= die;
            foreach (AbbreviationAttribute attribute in a.Attributes) ReadAttribute(ref at, die, attribute, section);
            if (die == Root) _stringOffsetsBase = die.Number(DieAttribute.StringOffsetsBase) ?? (ulong)(_offsetSize == 8 ? 16 : 8);
            _reader.Register(DwarfReader.Key(section, (ulong)offset), die);
            if (!a.HasChildren) continue;
            if (++levels > MostLevels) throw at.Invalid("entries nested too deeply");
            parent = die;
        }
        if (Root is null) throw at.Invalid("a unit without an entry");
    }

    private void ReadAttribute(ref DwarfCursor at, Die die, AbbreviationAttribute attribute, int section)
    {
        ulong number = 0;
        string? text = null;
        DieForm form = attribute.Form;
        while (form == DieForm.Indirect) form = (DieForm)at.Unsigned();
        switch (form)
        {
            case DieForm.Address: number = at.Number(_addressSize); break;
            case DieForm.Data1 or DieForm.Flag: number = at.Byte(); break;
            case DieForm.Data2: number = at.Half(); break;
            case DieForm.Data4: number = at.Word(); break;
            case DieForm.Data8: number = at.Xword(); break;
            case DieForm.Data16: text = Convert.ToHexString(at.Take(16ul)); break;
            case DieForm.SignedData: number = (ulong)at.Signed(); break;
            case DieForm.UnsignedData: number = at.Unsigned(); break;
            case DieForm.ImplicitConst: number = (ulong)attribute.Constant; break;
            case DieForm.FlagPresent: number = 1; break;
            case DieForm.SectionOffset: number = at.Number(_offsetSize); break;
            case DieForm.String: text = at.Text(); break;
            case DieForm.StringPointer: text = _reader.Sections.Text(_reader.Sections.Strings, at.Number(_offsetSize)); break;
            case DieForm.LineString: text = _reader.Sections.Text(_reader.Sections.LineStrings, at.Number(_offsetSize)); break;
            case DieForm.StringIndex: text = Indexed(at.Unsigned(), attribute); break;
            case DieForm.StringIndex1: text = Indexed(at.Number(1), attribute); break;
            case DieForm.StringIndex2: text = Indexed(at.Number(2), attribute); break;
            case DieForm.StringIndex3: text = Indexed(at.Number(3), attribute); break;
            case DieForm.StringIndex4: text = Indexed(at.Number(4), attribute); break;
            case DieForm.AddressIndex or DieForm.LocationListIndex or DieForm.RangeListIndex: number = at.Unsigned(); break;
            case DieForm.AddressIndex1: number = at.Number(1); break;
            case DieForm.AddressIndex2: number = at.Number(2); break;
            case DieForm.AddressIndex3: number = at.Number(3); break;
            case DieForm.AddressIndex4: number = at.Number(4); break;
            case DieForm.Reference1: number = Local(at.Number(1), section); break;
            case DieForm.Reference2: number = Local(at.Number(2), section); break;
            case DieForm.Reference4: number = Local(at.Number(4), section); break;
            case DieForm.Reference8: number = Local(at.Number(8), section); break;
            case DieForm.ReferenceUnsigned: number = Local(at.Unsigned(), section); break;
            case DieForm.ReferenceAddress: number = DwarfReader.Key(section, at.Number(_version == 2 ? _addressSize : _offsetSize)); break;
            case DieForm.ReferenceSignature: number = _reader.KeyOfSignature(at.Xword()); break;
            case DieForm.Block1: Block(at.Take((ulong)at.Byte()), ref number, ref text); break;
            case DieForm.Block2: Block(at.Take((ulong)at.Half()), ref number, ref text); break;
            case DieForm.Block4: Block(at.Take((ulong)at.Word()), ref number, ref text); break;
            case DieForm.Block or DieForm.Expression: Block(at.Take(at.Unsigned()), ref number, ref text); break;
            case DieForm.StringSupplement or DieForm.GnuReferenceAlternative or DieForm.GnuStringAlternative: at.Number(_offsetSize); break;
            case DieForm.ReferenceSupplement4: at.Number(4); break;
            case DieForm.ReferenceSupplement8: at.Number(8); break;
            default: throw at.Invalid($"a form 0x{(int)form:x} that DWARF 5 doesn't know");
        }
        if (Enum.IsDefined(attribute.Name)) die.Add(attribute.Name, number, text);
    }

    private ulong Local(ulong offset, int section) => DwarfReader.Key(section, (ulong)_start + offset);

    // DW_AT_str_offsets_base comes after the name of the unit: the texts of the unit's own entry are read with the usual base.
    private string Indexed(ulong index, AbbreviationAttribute attribute)
    {
        byte[] table = _reader.Sections.StringOffsets;
        ulong at = (_stringOffsetsBase == 0 ? (ulong)(_offsetSize == 8 ? 16 : 8) : _stringOffsetsBase) + index * (ulong)_offsetSize;
        if (at > (ulong)table.Length || (ulong)table.Length - at < (ulong)_offsetSize)
            throw new PatchException(PatchErrorId.PatchFileInvalid, $"{_reader.Sections.Name}: {attribute.Name} is text {index} of "
                + "the debug information, which isn't there.");
        var cursor = new DwarfCursor(table, (int)at, table.Length, _reader.Sections.Name);
        return _reader.Sections.Text(_reader.Sections.Strings, cursor.Number(_offsetSize));
    }

    // DW_OP_constu and DW_OP_plus_uconst with one operand: the place of a member in DWARF 2 and 3, and the slot of a virtual
    // function. Any other expression is kept as it is.
    private static void Block(ReadOnlySpan<byte> block, ref ulong number, ref string? text)
    {
        text = Convert.ToHexString(block);
        if (block.Length < 2 || block[0] is not (0x10 or 0x23)) return;
        ulong value = 0;
        for (int i = 1; i < block.Length && i < 10; i++)
        {
            value |= (ulong)(block[i] & 0x7f) << (7 * (i - 1));
            if ((block[i] & 0x80) == 0 && i != block.Length - 1) return;
        }
        (number, text) = (value, null);
    }
}
