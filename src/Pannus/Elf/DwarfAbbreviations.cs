namespace Pannus.Elf;

/// <summary>An attribute of an abbreviation.</summary>
internal readonly record struct DwarfSpecification(DwarfAttribute Name, DwarfForm Form, long Constant);

/// <summary>What an entry of this number looks like (DWARF 5, 7.5.3).</summary>
/// <param name="Tag">Its tag.</param>
/// <param name="HasChildren">Whether its children follow it.</param>
/// <param name="Attributes">Its attributes, in their order.</param>
/// <param name="Size">Bytes that the attributes take; -1 when that depends.</param>
internal sealed record DwarfAbbreviation(DwarfTag Tag, bool HasChildren, DwarfSpecification[] Attributes, int Size);

/// <summary>The abbreviations of one unit.</summary>
internal sealed class DwarfAbbreviations
{
    private const int MostAttributes = 1 << 12, MostInArray = 1 << 16;

    private readonly Dictionary<ulong, DwarfAbbreviation> _all = [];
    private readonly DwarfAbbreviation?[] _small = new DwarfAbbreviation?[256];

    /// <summary>The abbreviation of a number; null when there is none.</summary>
    public DwarfAbbreviation? this[ulong code] => code < 256 ? _small[code] : _all.GetValueOrDefault(code);

    /// <summary>Reads a table; null when it is damaged.</summary>
    public static DwarfAbbreviations? Read(ReadOnlySpan<byte> section, ulong offset, int offsetSize, int addressSize, int version)
    {
        if (offset >= (ulong)section.Length) return null;
        var table = new DwarfAbbreviations();
        var cursor = new ByteCursor(section, (int)offset, section.Length);
        while (cursor.Unsigned() is > 0 and var code && !cursor.IsBroken)
        {
            var tag = (DwarfTag)cursor.Unsigned();
            bool hasChildren = cursor.Byte() != 0;
            List<DwarfSpecification> attributes = [];
            int size = 0;
            while (true)
            {
                ulong name = cursor.Unsigned(), form = cursor.Unsigned();
                long constant = (DwarfForm)form == DwarfForm.ImplicitConstant ? cursor.Signed() : 0;
                if ((name == 0 && form == 0) || cursor.IsBroken || attributes.Count > MostAttributes) break;
                attributes.Add(new DwarfSpecification((DwarfAttribute)name, (DwarfForm)form, constant));
                int one = DwarfValue.SizeOf((DwarfForm)form, offsetSize, addressSize, version);
                size = size < 0 || one < 0 ? -1 : size + one;
            }
            var abbreviation = new DwarfAbbreviation(tag, hasChildren, [.. attributes], size);
            if (code < 256) table._small[code] = abbreviation;
            else table._all[code] = abbreviation;
            if (cursor.IsBroken || table._all.Count > MostInArray) break;
        }
        return cursor.IsBroken ? null : table;
    }
}
