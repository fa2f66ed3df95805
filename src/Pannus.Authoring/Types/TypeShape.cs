namespace Pannus.Authoring.Types;

/// <summary>What is compared of a type that has a name.</summary>
internal abstract record TypeShape(string Name, ulong Size, SourcePlace? Place);

/// <summary>A struct, class or union.</summary>
/// <param name="Name">As the source calls it, such as <c>struct request</c>.</param>
/// <param name="Size">In bytes.</param>
/// <param name="IsUnion">Whether its fields lie on one another.</param>
/// <param name="Fields">All fields, those of nameless parts among them.</param>
/// <param name="Virtuals">Virtual functions by their slot.</param>
/// <param name="Place">Where it is declared.</param>
internal sealed record RecordShape(string Name, ulong Size, bool IsUnion, IReadOnlyList<FieldShape> Fields,
    IReadOnlyList<(ulong Slot, string Function)> Virtuals, SourcePlace? Place) : TypeShape(Name, Size, Place);

/// <summary>An enumeration.</summary>
internal sealed record EnumShape(string Name, ulong Size, IReadOnlyList<(string Name, long Value)> Values, SourcePlace? Place)
    : TypeShape(Name, Size, Place);

/// <summary>A field or base class.</summary>
/// <param name="Name">Its name, with those of the nameless parts that it lies in.</param>
/// <param name="Bit">Where it begins, in bits.</param>
/// <param name="Bits">How many bits it has.</param>
/// <param name="Storage">How a value of it is stored, see <see cref="TypeNames.Storage"/>.</param>
/// <param name="Type">Its type as the source writes it.</param>
/// <param name="Line">Line where it is declared; 0 where that isn't known.</param>
internal sealed record FieldShape(string Name, ulong Bit, ulong Bits, string Storage, string Type, int Line)
{
    public ulong End => Bit + Bits;

    /// <summary>Its place as people write it.</summary>
    public string Where => Bit % 8 == 0 && Bits % 8 == 0 ? $"offset {Bit / 8}" : $"bit {Bit % 8} of offset {Bit / 8}";
}

/// <summary>A function.</summary>
internal sealed record FunctionShape(string Name, string DisplayName, bool IsExternal, bool HasCode, string Result,
    IReadOnlyList<string> Parameters, string Signature, SourcePlace? Place)
{
    /// <summary>Types that its parameters point to.</summary>
    public HashSet<string> Pointed { get; } = [];
    /// <summary>Types of which its frame holds a value.</summary>
    public HashSet<string> Held { get; } = [];
    /// <summary>Types that may reach it, or leave it, in another way: results, variables that point to them.</summary>
    public HashSet<string> Kept { get; } = [];
    /// <summary>Functions of which its code has a copy.</summary>
    public SortedSet<string> Inlined { get; } = new(StringComparer.Ordinal);

    /// <summary>Whether it has to do with a type.</summary>
    public bool Uses(string type) => Pointed.Contains(type) || Held.Contains(type) || Kept.Contains(type);
}

/// <summary>A variable of a file, or a static one of a function.</summary>
internal sealed record VariableShape(string Name, string Storage, bool IsConstant, bool HasPlace, ulong? Value, SourcePlace? Place)
{
    /// <summary>Named types that it holds or points to.</summary>
    public required IReadOnlySet<string> Types { get; init; }
}
