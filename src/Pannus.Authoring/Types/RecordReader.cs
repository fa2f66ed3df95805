using Pannus.Authoring.Dwarf;

namespace Pannus.Authoring.Types;

/// <summary>Reads structs, classes, unions and enums.</summary>
internal sealed class RecordReader(TypeNames names)
{
    private const int MostLevels = 32;

    public RecordShape Record(Die type, string name) => new(name, TypeNames.Size(type), type.Tag == DieTag.UnionType,
        Fields(type), Virtuals(type), type.Place);

    public static EnumShape Enumeration(Die type, string name) => new(name, TypeNames.Size(type), [.. type.Children
        .Where(c => c.Tag == DieTag.Enumerator).Select(c => (c.Name, (long)(c.Number(DieAttribute.ConstValue) ?? 0)))], type.Place);

    /// <summary>All fields in their order; those of a nameless struct or union stand in its place.</summary>
    public IReadOnlyList<FieldShape> Fields(Die type)
    {
        List<FieldShape> fields = [];
        AddFields(fields, type, "", 0, 0);
        return fields;
    }

    private void AddFields(List<FieldShape> fields, Die type, string prefix, ulong start, int level)
    {
        if (level > MostLevels) return;
        foreach (Die member in type.Children)
        {
            if (member.Tag is not (DieTag.Member or DieTag.Inheritance)) continue;
            if (member.Has(DieAttribute.External) || member.IsDeclaration) continue; // A static member of C++ 98.
            (ulong bit, ulong bits) = Place(member);
            bit += start;
            string name = member.Tag == DieTag.Inheritance ? "base class" : member.Name;
            if (TypeNames.Plain(member.Type) is { Tag: DieTag.StructureType or DieTag.UnionType or DieTag.ClassType } part
                && names.Name(part) is null)
            {
                AddFields(fields, part, name == "" ? prefix : $"{prefix}{name}.", bit, level + 1);
                continue;
            }
            string storage = names.Storage(member.Type);
            if (member.Tag == DieTag.Inheritance)
                (name, storage) = ($"base class {names.Display(member.Type)}", $"{storage} {member.Text(DieAttribute.MemberLocation)}");
            fields.Add(new FieldShape(prefix + name, bit, bits, storage, names.Display(member.Type),
                (int)(member.Number(DieAttribute.DeclarationLine) ?? 0)));
        }
    }

    private static (ulong Bit, ulong Bits) Place(Die member)
    {
        ulong size = TypeNames.Size(member.Type) * 8, at = (member.Number(DieAttribute.MemberLocation) ?? 0) * 8;
        if (member.Number(DieAttribute.BitSize) is not { } bits) return (at, size);
        if (member.Number(DieAttribute.DataBitOffset) is { } bit) return (at + bit, bits);
        // DWARF 2 and 3 count from the most significant bit of the storage unit.
        ulong unit = (member.Number(DieAttribute.ByteSize) ?? size / 8) * 8;
        return (at + unit - (member.Number(DieAttribute.BitOffset) ?? 0) - bits, bits);
    }

    private static List<(ulong, string)> Virtuals(Die type) => [.. type.Children
        .Where(c => c.Tag == DieTag.Subprogram && (c.Number(DieAttribute.Virtuality) ?? 0) != 0)
        .Select(c => (Slot: c.Number(DieAttribute.VtableElement) ?? 0, Name: Unqualified(c))).OrderBy(v => v.Slot)];

    // A destructor has two slots and one name; the mangled name tells overloads apart.
    private static string Unqualified(Die function) => function.LinkageName;
}
