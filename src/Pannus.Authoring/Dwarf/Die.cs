namespace Pannus.Authoring.Dwarf;

/// <summary>A debugging information entry with the attributes that are of use here.</summary>
internal sealed class Die
{
    private readonly List<(DieAttribute Name, ulong Number, string? Text)> _attributes = [];
    private List<Die>? _children;

    public Die(DwarfUnit unit, DieTag tag, Die? parent)
    {
        Unit = unit;
        Tag = tag;
        Parent = parent;
        if (parent is not null) (parent._children ??= []).Add(this);
    }

    public DwarfUnit Unit { get; }

    public DieTag Tag { get; }

    public Die? Parent { get; }

    public IReadOnlyList<Die> Children => _children ?? (IReadOnlyList<Die>)[];

    /// <summary>Its own name, or that of the entry which it completes.</summary>
    public string Name => Text(DieAttribute.Name) ?? Completes?.Name ?? "";

    /// <summary>The name of its symbol: the mangled one where there is one.</summary>
    public string LinkageName => Text(DieAttribute.LinkageName) ?? Text(DieAttribute.MipsLinkageName)
        ?? (Completes is { } other ? other.LinkageName : Text(DieAttribute.Name) ?? "");

    /// <summary>The entry that DW_AT_specification or DW_AT_abstract_origin names.</summary>
    public Die? Completes => Reference(DieAttribute.Specification) ?? Reference(DieAttribute.AbstractOrigin);

    public Die? Type => Reference(DieAttribute.Type) ?? (Tag is DieTag.FormalParameter or DieTag.Variable or DieTag.Subprogram
        ? Completes?.Type : null);

    public bool IsDeclaration => Has(DieAttribute.Declaration);

    public void Add(DieAttribute name, ulong number, string? text) => _attributes.Add((name, number, text));

    public bool Has(DieAttribute name)
    {
        foreach ((DieAttribute attribute, ulong number, _) in _attributes)
            if (attribute == name) return number != 0 || name is not (DieAttribute.Declaration or DieAttribute.External or DieAttribute.Artificial);
        return false;
    }

    public ulong? Number(DieAttribute name)
    {
        foreach ((DieAttribute attribute, ulong number, _) in _attributes)
            if (attribute == name) return number;
        return null;
    }

    public string? Text(DieAttribute name)
    {
        foreach ((DieAttribute attribute, _, string? text) in _attributes)
            if (attribute == name) return text;
        return null;
    }

    public Die? Reference(DieAttribute name) => Number(name) is { } at ? Unit.Resolve(at) : null;

    /// <summary>The file and line where it is declared; null where that isn't known.</summary>
    public SourcePlace? Place => Number(DieAttribute.DeclarationLine) is { } line
        ? new SourcePlace(Unit.FileName(Number(DieAttribute.DeclarationFile) ?? Completes?.Number(DieAttribute.DeclarationFile) ?? 0), (int)line)
        : Completes?.Place;
}
