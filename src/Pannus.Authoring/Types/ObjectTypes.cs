using Pannus.Authoring.Dwarf;

namespace Pannus.Authoring.Types;

/// <summary>The types, functions and variables of an object, by their names.</summary>
internal sealed class ObjectTypes
{
    private readonly TypeNames _names;
    private readonly RecordReader _records;

    private ObjectTypes(DwarfReader reader)
    {
        HasDebugInformation = reader.Units.Count > 0;
        _names = new TypeNames(reader);
        _records = new RecordReader(_names);
        foreach (DwarfUnit unit in reader.Units)
        {
            Producer ??= unit.Root.Text(DieAttribute.Producer);
            Walk(unit.Root, null);
        }
    }

    public bool HasDebugInformation { get; }

    /// <summary>The compiler and its flags; null where that isn't known.</summary>
    public string? Producer { get; }

    public Dictionary<string, TypeShape> Types { get; } = [];

    /// <summary>Functions by the names of their symbols.</summary>
    public Dictionary<string, FunctionShape> Functions { get; } = [];

    /// <summary>Variables of files, and static ones of functions as <c>function()::name</c>.</summary>
    public Dictionary<string, VariableShape> Variables { get; } = [];

    public static ObjectTypes Read(string path) => new(DwarfReader.Read(path));

    private void Walk(Die parent, string? function)
    {
        foreach (Die die in parent.Children)
        {
            switch (die.Tag)
            {
                case DieTag.StructureType or DieTag.ClassType or DieTag.UnionType:
                    if (!die.IsDeclaration && _names.Name(die) is { } record) Types.TryAdd(record, _records.Record(die, record));
                    Walk(die, function);
                    break;
                case DieTag.EnumerationType:
                    if (!die.IsDeclaration && _names.Name(die) is { } name) Types.TryAdd(name, RecordReader.Enumeration(die, name));
                    break;
                case DieTag.Subprogram:
                    AddFunction(die);
                    Walk(die, die.Name);
                    break;
                case DieTag.Variable:
                    AddVariable(die, function);
                    break;
                case DieTag.Namespace or DieTag.LexicalBlock or DieTag.InlinedSubroutine:
                    Walk(die, function);
                    break;
            }
        }
    }

    private void AddVariable(Die die, string? function)
    {
        // Variables of a function that have no fixed place are on its stack; a constant has no place at all.
        string? location = die.Text(DieAttribute.Location);
        const string fixedAddress = "03", addressIndex = "a1", threadLocalStart = "0E";
        bool hasPlace = location is not null && (location.StartsWith(fixedAddress, StringComparison.Ordinal)
            || location.StartsWith(addressIndex, StringComparison.OrdinalIgnoreCase)
            || location.StartsWith(threadLocalStart, StringComparison.Ordinal));
        if (function is not null && !hasPlace || die.Name == "") return;
        HashSet<string> types = [];
        _names.AddNamed(die.Type, types, types);
        string name = function is null ? die.Name : $"{function}()::{die.Name}";
        var shape = new VariableShape(name, _names.Storage(die.Type), TypeNames.IsConstant(die.Type), hasPlace,
            die.Number(DieAttribute.ConstValue), die.Place) { Types = types };
        // What is declared first may be defined later.
        if (!Variables.TryGetValue(name, out VariableShape? known) || !known.HasPlace) Variables[name] = shape;
    }

    private void AddFunction(Die die)
    {
        string name = die.LinkageName;
        if (name == "") return;
        bool hasCode = die.Has(DieAttribute.LowPc) || die.Has(DieAttribute.Ranges);
        Die described = die.Reference(DieAttribute.AbstractOrigin) ?? die;
        bool isExternal = die.Has(DieAttribute.External) || (die.Completes?.Has(DieAttribute.External) ?? false)
            || (die.Completes?.Completes?.Has(DieAttribute.External) ?? false);
        string[] passed = _names.Passed(described).Split(',');
        if (!Functions.TryGetValue(name, out FunctionShape? shape) || hasCode && !shape.HasCode)
        {
            var fresh = new FunctionShape(name, die.Name, isExternal, hasCode, passed[0], passed[1..],
                $"{_names.Display(described.Type)} {die.Name}({_names.Parameters(described)})", die.Place);
            if (shape is not null)
            {
                fresh.Pointed.UnionWith(shape.Pointed);
                fresh.Held.UnionWith(shape.Held);
                fresh.Kept.UnionWith(shape.Kept);
                fresh.Inlined.UnionWith(shape.Inlined);
            }
            Functions[name] = shape = fresh;
        }
        if (die.IsDeclaration) return;
        _names.AddNamed(described.Type, shape.Held, shape.Kept);
        AddBody(shape, die, 0);
        if (described != die) AddBody(shape, described, 0);
    }

    private void AddBody(FunctionShape shape, Die block, int level)
    {
        const int mostLevels = 256;
        if (level > mostLevels) return;
        foreach (Die die in block.Children)
        {
            switch (die.Tag)
            {
                case DieTag.FormalParameter:
                    HashSet<string> pointed = [];
                    _names.AddNamed(die.Type, shape.Held, pointed);
                    // Through a pointer to a pointer a new object may come out.
                    bool isTwice = TypeNames.Plain(TypeNames.Plain(die.Type)?.Reference(DieAttribute.Type)) is
                        { Tag: DieTag.PointerType or DieTag.ReferenceType };
                    (isTwice ? shape.Kept : shape.Pointed).UnionWith(pointed);
                    break;
                case DieTag.Variable:
                    _names.AddNamed(die.Type, shape.Held, shape.Kept);
                    break;
                case DieTag.LexicalBlock:
                    AddBody(shape, die, level + 1);
                    break;
                case DieTag.InlinedSubroutine when die.Reference(DieAttribute.AbstractOrigin) is { } origin:
                    shape.Inlined.Add(origin.LinkageName);
                    // Its parameters come from the code around it; what its frame would hold, this one's holds.
                    AddInlined(shape, origin, level + 1);
                    AddBody(shape, die, level + 1);
                    break;
            }
        }
    }

    private void AddInlined(FunctionShape shape, Die origin, int level)
    {
        const int mostLevels = 256;
        if (level > mostLevels) return;
        HashSet<string> ignored = [];
        foreach (Die die in origin.Children)
        {
            if (die.Tag == DieTag.Variable) _names.AddNamed(die.Type, shape.Held, ignored);
            if (die.Tag == DieTag.LexicalBlock) AddInlined(shape, die, level + 1);
        }
    }
}
