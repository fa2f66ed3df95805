namespace Pannus.Elf;

/// <summary>Goes through the entries of a unit in their order, children after their parent.</summary>
internal ref struct DwarfWalker
{
    private readonly DwarfUnit _unit;
    private readonly ReadOnlySpan<byte> _section;
    private ByteCursor _cursor;
    private int _depth;
    private bool _isUnread;

    /// <summary>Begins before the first entry, or at the entry at an offset of the section.</summary>
    public DwarfWalker(DwarfUnit unit, int offset = 0)
    {
        _unit = unit;
        _section = unit.Info.Section;
        _cursor = new ByteCursor(_section, offset > 0 ? offset : unit.First, unit.End);
        Abbreviation = null!;
    }

    /// <summary>Offset of the entry in the section.</summary>
    public int Offset { get; private set; }

    /// <summary>Its depth: 0 for the unit's own entry, or the one it began at.</summary>
    public int Depth { get; private set; }

    /// <summary>Its form.</summary>
    public DwarfAbbreviation Abbreviation { get; private set; }

    /// <summary>Goes to the next entry; false at the end, and where the bytes are not understood.</summary>
    public bool MoveNext()
    {
        if (_isUnread) ReadAttributes(static (_, _) => { });
        while (!_cursor.IsAtEnd)
        {
            Offset = _cursor.Position;
            ulong code = _cursor.Unsigned();
            if (_cursor.IsBroken) return false;
            if (code == 0)
            {
                if (--_depth < 0) return false;
                continue;
            }
            if (_unit.Abbreviations[code] is not { } abbreviation) return false;
            (Abbreviation, Depth, _isUnread) = (abbreviation, _depth, true);
            if (abbreviation.HasChildren) _depth++;
            if (abbreviation.Size < 0 || abbreviation.Tag is DwarfTag.Subprogram or DwarfTag.InlinedSubroutine or DwarfTag.FormalParameter
                or DwarfTag.CompileUnit or DwarfTag.PartialUnit)
            {
                return true;
            }
            // The others are only passed over.
            _cursor.Skip(abbreviation.Size);
            _isUnread = false;
            if (_cursor.IsBroken) return false;
        }
        return false;
    }

    /// <summary>Reads the attributes of the entry, once.</summary>
    public void ReadAttributes(Action<DwarfAttribute, DwarfValue> found)
    {
        _isUnread = false;
        foreach (DwarfSpecification attribute in Abbreviation.Attributes)
        {
            DwarfValue value = DwarfValue.Read(ref _cursor, attribute, _unit.OffsetSize, _unit.AddressSize, _unit.Version);
            if (_cursor.IsBroken) return;
            found(attribute.Name, value);
        }
    }
}
