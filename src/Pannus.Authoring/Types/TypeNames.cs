using Pannus.Authoring.Dwarf;

namespace Pannus.Authoring.Types;

/// <summary>Names, sizes and ways of storage of the types of an object.</summary>
internal sealed class TypeNames
{
    private const int MostLevels = 64;
    private readonly Dictionary<Die, string> _typedefNames = [];
    private readonly Dictionary<Die, string> _names = [];

    public TypeNames(DwarfReader reader)
    {
        // typedef struct { ... } name: the struct has no other name.
        foreach (DwarfUnit unit in reader.Units) AddTypedefs(unit.Root);
    }

    /// <summary>The name of a struct, union or enum; null for one that has none.</summary>
    public string? Name(Die type)
    {
        if (_names.TryGetValue(type, out string? known)) return known == "" ? null : known;
        string? name = MakeName(type);
        _names[type] = name ?? "";
        return name;
    }

    /// <summary>The type without typedefs and qualifiers; null for void.</summary>
    public static Die? Plain(Die? type)
    {
        for (int level = 0; type is not null && level < MostLevels; level++)
        {
            if (type.Tag is not (DieTag.Typedef or DieTag.ConstType or DieTag.VolatileType or DieTag.RestrictType
                or DieTag.AtomicType or DieTag.PackedType)) return Defined(type);
            type = type.Reference(DieAttribute.Type);
        }
        return null;
    }

    /// <summary>Whether nothing writes to it, as its type says.</summary>
    public static bool IsConstant(Die? type)
    {
        for (int level = 0; type is not null && level < MostLevels; level++)
        {
            if (type.Tag == DieTag.ConstType) return true;
            if (type.Tag is not (DieTag.Typedef or DieTag.VolatileType or DieTag.ArrayType)) return false;
            type = type.Reference(DieAttribute.Type);
        }
        return false;
    }

    /// <summary>Size in bytes; 0 where that isn't known.</summary>
    public static ulong Size(Die? type)
    {
        if (Plain(type) is not { } plain) return 0;
        return plain.Tag switch
        {
            DieTag.PointerType or DieTag.ReferenceType or DieTag.RvalueReferenceType =>
                plain.Number(DieAttribute.ByteSize) ?? (ulong)plain.Unit.AddressSize,
            DieTag.ArrayType => plain.Number(DieAttribute.ByteSize) ?? Count(plain) * Size(plain.Reference(DieAttribute.Type)),
            DieTag.EnumerationType => plain.Number(DieAttribute.ByteSize) ?? Size(plain.Reference(DieAttribute.Type)),
            _ => plain.Number(DieAttribute.ByteSize) ?? 0,
        };
    }

    /// <summary>
    /// How a value is stored, so that what one build stored another can read if the two are equal: integers by size,
    /// structs by name, pointers by what they point to. Names of typedefs and signs don't matter.
    /// </summary>
    public string Storage(Die? type, int level = 0)
    {
        if (Plain(type) is not { } plain) return "void";
        if (level > MostLevels) return "...";
        switch (plain.Tag)
        {
            case DieTag.BaseType:
                const int boolean = 2, complex = 3, real = 4;
                char kind = plain.Number(DieAttribute.Encoding) switch { boolean => 'b', complex => 'c', real => 'f', _ => 'i' };
                return $"{kind}{Size(plain)}";
            case DieTag.EnumerationType:
                return $"i{Size(plain)}";
            case DieTag.PointerType or DieTag.ReferenceType or DieTag.RvalueReferenceType:
                return "*" + Storage(plain.Reference(DieAttribute.Type), level + 1);
            case DieTag.ArrayType:
                return $"{Storage(plain.Reference(DieAttribute.Type), level + 1)}[{Count(plain)}]";
            case DieTag.SubroutineType:
                return $"({Passed(plain)})";
            case DieTag.StructureType or DieTag.ClassType or DieTag.UnionType:
                return Name(plain) ?? $"{{{string.Join(';', new RecordReader(this).Fields(plain).Select(f => $"{f.Bit}:{f.Storage}"))}}}";
            default:
                return $"{plain.Tag}{Size(plain)}";
        }
    }

    /// <summary>How a function's result and arguments are passed: what they point to doesn't matter.</summary>
    public string Passed(Die function) => string.Join(',', function.Children
        .Where(c => c.Tag is DieTag.FormalParameter or DieTag.UnspecifiedParameters)
        .Select(c => c.Tag == DieTag.FormalParameter ? PassedValue(c.Type) : "...").Prepend(PassedValue(function.Type)));

    public string PassedValue(Die? type) => Plain(type) switch
    {
        null => "void",
        { Tag: DieTag.PointerType or DieTag.ReferenceType or DieTag.RvalueReferenceType } => "*",
        var plain => Storage(plain),
    };

    /// <summary>The type as the source writes it, more or less.</summary>
    public string Display(Die? type, int level = 0)
    {
        if (type is null) return "void";
        if (level > MostLevels) return "...";
        Die? inner = type.Reference(DieAttribute.Type);
        return type.Tag switch
        {
            DieTag.PointerType => Display(inner, level + 1) is var to && to.EndsWith('*') ? to + "*" : to + " *",
            DieTag.ReferenceType => Display(inner, level + 1) + " &",
            DieTag.RvalueReferenceType => Display(inner, level + 1) + " &&",
            DieTag.ConstType => "const " + Display(inner, level + 1),
            DieTag.VolatileType => "volatile " + Display(inner, level + 1),
            DieTag.RestrictType or DieTag.AtomicType or DieTag.PackedType => Display(inner, level + 1),
            DieTag.ArrayType => $"{Display(inner, level + 1)}[{Count(type)}]",
            DieTag.SubroutineType => $"{Display(inner, level + 1)} ({Parameters(type, level)})",
            DieTag.StructureType or DieTag.ClassType or DieTag.UnionType or DieTag.EnumerationType => Name(Defined(type)) ?? "a nameless type",
            _ => type.Name,
        };
    }

    /// <summary>The parameters of a function as the source writes them.</summary>
    public string Parameters(Die function, int level = 0)
    {
        string[] all = [.. function.Children.Where(c => c.Tag is DieTag.FormalParameter or DieTag.UnspecifiedParameters)
            .Where(c => !c.Has(DieAttribute.Artificial))
            .Select(c => c.Tag == DieTag.FormalParameter ? Display(c.Type, level + 1) : "...")];
        return all.Length == 0 ? "void" : string.Join(", ", all);
    }

    /// <summary>The named structs and unions that a value of a type holds, points to, or both.</summary>
    public void AddNamed(Die? type, HashSet<string> held, HashSet<string> pointed, bool isPointed = false, int level = 0)
    {
        if (Plain(type) is not { } plain || level > MostLevels) return;
        switch (plain.Tag)
        {
            case DieTag.PointerType or DieTag.ReferenceType or DieTag.RvalueReferenceType:
                AddNamed(plain.Reference(DieAttribute.Type), held, pointed, true, level + 1);
                break;
            case DieTag.ArrayType:
                AddNamed(plain.Reference(DieAttribute.Type), held, pointed, isPointed, level + 1);
                break;
            case DieTag.StructureType or DieTag.ClassType or DieTag.UnionType:
                if (Name(plain) is { } name)
                    (isPointed ? pointed : held).Add(name);
                else if (!isPointed)
                    foreach (Die member in plain.Children.Where(c => c.Tag == DieTag.Member)) AddNamed(member.Type, held, pointed, false, level + 1);
                break;
        }
    }

    /// <summary>The entry that defines a type of which another one only declares a part.</summary>
    public static Die Defined(Die type) => type.Reference(DieAttribute.Signature) ?? type;

    // An array of arrays has a range for each.
    private static ulong Count(Die array)
    {
        ulong count = 1;
        foreach (Die range in array.Children.Where(c => c.Tag == DieTag.SubrangeType))
        {
            // An upper bound of -1, or none, is what a flexible array has.
            ulong of = range.Number(DieAttribute.Count) ?? (range.Number(DieAttribute.UpperBound) is { } last ? (uint)last + 1ul : 0);
            count = unchecked(count * (of == 1ul << 32 ? 0 : of));
        }
        return count;
    }

    private void AddTypedefs(Die parent)
    {
        foreach (Die die in parent.Children)
        {
            if (die.Tag == DieTag.Typedef && die.Reference(DieAttribute.Type) is { Tag: DieTag.StructureType or DieTag.ClassType
                or DieTag.UnionType or DieTag.EnumerationType } type && type.Name == "") _typedefNames.TryAdd(type, die.Name);
            if (die.Children.Count > 0 && die.Tag is not DieTag.EnumerationType) AddTypedefs(die);
        }
    }

    private string? MakeName(Die type)
    {
        string own = type.Name;
        bool isNameless = own == "" || own.StartsWith("._", StringComparison.Ordinal);
        string? word = type.Tag switch
        {
            _ when isNameless => null,
            DieTag.UnionType => "union ",
            DieTag.EnumerationType => "enum ",
            _ => "struct ",
        };
        if (isNameless) own = _typedefNames.GetValueOrDefault(type, "");
        if (own == "") return null;
        // Closures of one function share their name; their lines tell them apart.
        if (own.Contains("lambda", StringComparison.Ordinal)) own += $"#{type.Number(DieAttribute.DeclarationLine)}";
        string scope = Scope(type.Reference(DieAttribute.Specification)?.Parent ?? type.Parent);
        return IsCPlusPlus(type) && word == "struct " ? $"class {scope}{own}" : $"{word}{scope}{own}";
    }

    private static bool IsCPlusPlus(Die type) => type.Tag == DieTag.ClassType;

    private static string Scope(Die? parent)
    {
        string scope = "";
        for (; parent is not null; parent = parent.Completes?.Parent ?? parent.Parent)
        {
            string? name = parent.Tag switch
            {
                DieTag.Namespace => parent.Name == "" ? "(anonymous namespace)" : parent.Name,
                DieTag.StructureType or DieTag.ClassType or DieTag.UnionType => parent.Name,
                DieTag.Subprogram => parent.Name + "()",
                _ => null,
            };
            if (name is { Length: > 0 }) scope = $"{name}::{scope}";
        }
        return scope;
    }
}
