namespace Pannus.Authoring.Dwarf;

/// <summary>An attribute of a kind of entry, and how it is stored.</summary>
internal readonly record struct AbbreviationAttribute(DieAttribute Name, DieForm Form, long Constant);

/// <summary>A kind of entry (DWARF 5, 7.5.3).</summary>
internal sealed record Abbreviation(DieTag Tag, bool HasChildren, AbbreviationAttribute[] Attributes);

/// <summary>The kinds of entries of a unit.</summary>
internal sealed class AbbreviationTable
{
    private readonly Dictionary<ulong, Abbreviation> _byCode = [];

    public Abbreviation? Find(ulong code) => _byCode.GetValueOrDefault(code);

    public static AbbreviationTable Read(DebugSections sections, ulong offset)
    {
        var at = new DwarfCursor(sections.Abbreviations, 0, sections.Abbreviations.Length, sections.Name);
        at.Seek((long)Math.Min(offset, int.MaxValue));
        var table = new AbbreviationTable();
        while (!at.IsAtEnd && at.Unsigned() is not 0 and var code)
        {
            var tag = (DieTag)at.Unsigned();
            bool hasChildren = at.Byte() != 0;
            List<AbbreviationAttribute> attributes = [];
            while (true)
            {
                ulong name = at.Unsigned(), form = at.Unsigned();
                if (name == 0 && form == 0) break;
                long constant = form == (ulong)DieForm.ImplicitConst ? at.Signed() : 0;
                attributes.Add(new AbbreviationAttribute((DieAttribute)name, (DieForm)form, constant));
            }
            table._byCode[code] = new Abbreviation(tag, hasChildren, [.. attributes]);
        }
        return table;
    }
}
