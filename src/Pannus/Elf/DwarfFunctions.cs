namespace Pannus.Elf;

/// <summary>The functions of one file's debug information, and where they were inlined.</summary>
internal sealed class DwarfFunctions
{
    private readonly List<DwarfFunction> _all = [];
    private readonly Action<DwarfAttribute, DwarfValue> _take;
    private DwarfFunction _current;
    private ulong _place;

    private DwarfFunctions(DwarfInfo info)
    {
        Info = info;
        _take = Take;
        // Those of the supplementary file have the higher references, and so the list is in their order.
        Read(info, 0);
        if (info.Supplement is { } other) Read(other, DwarfInfo.InSupplement);
    }

    /// <summary>The debug information.</summary>
    public DwarfInfo Info { get; }

    /// <summary>All of them.</summary>
    public IReadOnlyList<DwarfFunction> All => _all;

    /// <summary>Reads them.</summary>
    public static DwarfFunctions Read(DwarfInfo info) => new(info);

    /// <summary>The function of a reference; null when it is none's.</summary>
    public DwarfFunction? Find(ulong reference)
    {
        int low = 0, high = _all.Count - 1;
        while (low <= high)
        {
            int middle = (low + high) / 2;
            ulong found = _all[middle].Reference;
            if (found == reference) return _all[middle];
            if (found < reference) low = middle + 1;
            else high = middle - 1;
        }
        return null;
    }

    /// <summary>What a function is a copy or the definition of, in the end: the entry that has its name.</summary>
    public DwarfFunction RootOf(DwarfFunction function)
    {
        const int deepest = 8;
        for (int i = 0; i < deepest && function.Origin != 0 && Find(function.Origin) is { } origin; i++)
        {
            // The line of a definition tells more than that of a declaration.
            if (function.Line > 0 && !function.IsDeclaration) (origin.Line, origin.File, origin.Unit) = Place(function, origin);
            function = origin;
        }
        return function;
    }

    /// <summary>
    /// Where functions of these references were inlined: what was, and the function whose code it is now in.
    /// </summary>
    public IEnumerable<(ulong Origin, DwarfFunction Into, ulong Address)> Inlined(IReadOnlySet<ulong> origins)
    {
        foreach (DwarfUnit unit in Info.Units)
            foreach ((ulong, DwarfFunction, ulong) found in Inlined(unit, origins)) yield return found;
    }

    private static (int, int, DwarfUnit) Place(in DwarfFunction function, in DwarfFunction origin) =>
        origin.HasName && origin.Unit != function.Unit ? (origin.Line, origin.File, origin.Unit) : (function.Line, function.File, function.Unit);

    private List<(ulong, DwarfFunction, ulong)> Inlined(DwarfUnit unit, IReadOnlySet<ulong> origins)
    {
        List<(ulong, DwarfFunction, ulong)> found = [];
        var enclosing = new Stack<(int Depth, ulong Reference)>();
        for (var walker = new DwarfWalker(unit); walker.MoveNext();)
        {
            DwarfTag tag = walker.Abbreviation.Tag;
            if (tag is not (DwarfTag.Subprogram or DwarfTag.InlinedSubroutine)) continue;
            while (enclosing.Count > 0 && enclosing.Peek().Depth >= walker.Depth) enclosing.Pop();
            if (tag == DwarfTag.Subprogram)
            {
                enclosing.Push((walker.Depth, (ulong)walker.Offset));
                continue;
            }
            (_current, _place) = (new DwarfFunction { Unit = unit }, 0);
            walker.ReadAttributes(_take);
            ulong place = _current.Start > 0 ? _current.Start : _place;
            if (place == 0 || !origins.Contains(_current.Origin) || enclosing.Count == 0) continue;
            if (Find(enclosing.Peek().Reference) is { Start: > 0 } into) found.Add((_current.Origin, into, place));
        }
        return found;
    }

    private void Read(DwarfInfo info, ulong mark)
    {
        foreach (DwarfUnit unit in info.Units)
        {
            for (var walker = new DwarfWalker(unit); walker.MoveNext();)
            {
                if (walker.Abbreviation.Tag != DwarfTag.Subprogram) continue;
                _current = new DwarfFunction { Reference = (ulong)(uint)walker.Offset | mark, Unit = unit };
                walker.ReadAttributes(_take);
                // What a supplementary file refers to is in it.
                if (_current.Origin != 0) _current.Origin |= mark;
                _all.Add(_current);
            }
        }
    }

    private void Take(DwarfAttribute attribute, DwarfValue value)
    {
        DwarfUnit unit = _current.Unit;
        switch (attribute)
        {
            case DwarfAttribute.Name: (_current.Name, _current.HasName) = (value, true); break;
            case DwarfAttribute.LinkageName or DwarfAttribute.MipsLinkageName: (_current.LinkageName, _current.HasLinkageName) = (value, true); break;
            case DwarfAttribute.AbstractOrigin or DwarfAttribute.Specification: _current.Origin = DwarfInfo.Reference(unit, value) ?? 0; break;
            case DwarfAttribute.LowPc: _current.Start = unit.Info.Address(unit, value) ?? 0; break;
            case DwarfAttribute.EntryPc: _place = unit.Info.Address(unit, value) ?? 0; break;
            case DwarfAttribute.Ranges when _current.Start == 0: _current.Start = DwarfRanges.Read(unit, value).FirstOrDefault().Start; break;
            case DwarfAttribute.DeclarationFile: _current.File = (int)Math.Min(value.Number, int.MaxValue); break;
            case DwarfAttribute.DeclarationLine: _current.Line = (int)Math.Min(value.Number, int.MaxValue); break;
            case DwarfAttribute.Declaration: _current.IsDeclaration = value.Number != 0; break;
        }
    }
}
