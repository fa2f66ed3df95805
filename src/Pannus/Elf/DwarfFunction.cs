namespace Pannus.Elf;

/// <summary>An entry of a function: its definition, a declaration, the form that is inlined, or a copy of its code.</summary>
internal struct DwarfFunction
{
    /// <summary>Its reference: an offset, and the mark of the supplementary file.</summary>
    public ulong Reference;
    /// <summary>Its unit.</summary>
    public DwarfUnit Unit;
    /// <summary>Reference to what it is a copy or the definition of; 0 for none.</summary>
    public ulong Origin;
    /// <summary>Where its code begins in the file; 0 for none.</summary>
    public ulong Start;
    /// <summary>Number in the unit's list of files; 0 for none.</summary>
    public int File;
    /// <summary>Line of the declaration; 0 for none.</summary>
    public int Line;
    /// <summary>Whether it only declares.</summary>
    public bool IsDeclaration;
    /// <summary>Whether it has a name of its own.</summary>
    public bool HasName;
    /// <summary>Its name in the source.</summary>
    public DwarfValue Name;
    /// <summary>Whether it has a name for the linker besides.</summary>
    public bool HasLinkageName;
    /// <summary>Its name for the linker.</summary>
    public DwarfValue LinkageName;

    /// <summary>Its name, the linker's where it has one.</summary>
    public readonly ReadOnlySpan<byte> NameBytes =>
        HasLinkageName ? Unit.Info.Text(Unit, LinkageName) : HasName ? Unit.Info.Text(Unit, Name) : [];
}
