namespace Pannus.Authoring.Types;

/// <summary>Compares two builds of a type: what is stored where, not what it is called.</summary>
internal static class TypeComparison
{
    /// <summary>All differences that matter to those who read objects; none when the two are alike.</summary>
    public static IReadOnlyList<TypeChange> Compare(TypeShape was, TypeShape now) => (was, now) switch
    {
        (RecordShape a, RecordShape b) => Records(a, b),
        (EnumShape a, EnumShape b) => Enumerations(a, b),
        _ => [new TypeChange(TypeHarm.Layout, "", "is another kind of type", 0)],
    };

    private static List<TypeChange> Records(RecordShape was, RecordShape now)
    {
        List<TypeChange> changes = [];
        Dictionary<string, FieldShape> after = ByName(now), before = ByName(was);
        HashSet<string> taken = [];
        foreach ((string name, FieldShape field) in before)
        {
            if (after.TryGetValue(name, out FieldShape? same))
                CompareField(changes, field, same);
            else
                RemovedField(changes, field, before, after, taken);
        }
        foreach ((string name, FieldShape field) in after)
            if (!before.ContainsKey(name) && !taken.Contains(name)) AddedField(changes, field, was, now);
        if (was.Size != now.Size)
        {
            bool isConsequence = changes.Any(c => c.Harm == TypeHarm.Layout && !c.IsConsequence);
            changes.Add(new TypeChange(TypeHarm.Layout, "", $"has {now.Size} bytes, not {was.Size}", 0) { IsConsequence = isConsequence });
        }
        CompareVirtuals(changes, was, now);
        return changes;
    }

    private static void CompareField(List<TypeChange> changes, FieldShape was, FieldShape now)
    {
        if (was.Bits != now.Bits || !IsSameStorage(was.Storage, now.Storage))
            changes.Add(new TypeChange(TypeHarm.Layout, now.Name, was.Type == now.Type || was.Bits != now.Bits
                ? $"{now.Name} has {Amount(now.Bits)}, not {Amount(was.Bits)}" : $"{now.Name} is '{now.Type}', not '{was.Type}'", now.Line));
        else if (was.Bit != now.Bit)
            changes.Add(new TypeChange(TypeHarm.Layout, now.Name, $"{now.Name} is at {now.Where}, not at {was.Where}", now.Line)
            {
                IsConsequence = true,
            });
    }

    private static void RemovedField(List<TypeChange> changes, FieldShape field, Dictionary<string, FieldShape> before,
        Dictionary<string, FieldShape> after, HashSet<string> taken)
    {
        FieldShape[] there = [.. after.Values.Where(f => !before.ContainsKey(f.Name) && f.Bit < field.End && field.Bit < f.End)];
        if (there is [var one] && one.Bit == field.Bit && one.Bits == field.Bits && IsSameStorage(one.Storage, field.Storage))
        {
            taken.Add(one.Name);
            changes.Add(new TypeChange(TypeHarm.None, one.Name, $"{field.Name} is called {one.Name} now", one.Line));
            return;
        }
        // Those that are in its place now are told of as new fields, which they are.
        changes.Add(new TypeChange(there.Length > 0 ? TypeHarm.Layout : TypeHarm.None, field.Name, $"{field.Name} is gone", 0)
        {
            IsConsequence = there.Length > 0,
        });
    }

    private static void AddedField(List<TypeChange> changes, FieldShape field, RecordShape was, RecordShape now)
    {
        bool isOverOthers = !now.IsUnion && was.Fields.Any(f => f.Bit < field.End && field.Bit < f.End);
        bool isInside = field.End <= was.Size * 8;
        // What lies in a union beside the others is read by those who wrote it.
        TypeHarm harm = isOverOthers || !isInside ? TypeHarm.Layout : now.IsUnion ? TypeHarm.None : TypeHarm.Padding;
        changes.Add(new TypeChange(harm, field.Name, $"{field.Name} is new, at {field.Where}", field.Line));
    }

    private static void CompareVirtuals(List<TypeChange> changes, RecordShape was, RecordShape now)
    {
        if (was.Virtuals.SequenceEqual(now.Virtuals)) return;
        (ulong Slot, string Function)[] added = [.. now.Virtuals.Except(was.Virtuals)], gone = [.. was.Virtuals.Except(now.Virtuals)];
        string which = added.Length > 0 ? added[0].Function : gone.Length > 0 ? gone[0].Function : "";
        changes.Add(new TypeChange(TypeHarm.Layout, which, "has other virtual functions, or in another order", 0));
    }

    private static List<TypeChange> Enumerations(EnumShape was, EnumShape now)
    {
        List<TypeChange> changes = [];
        if (was.Size != now.Size) changes.Add(new TypeChange(TypeHarm.Layout, "", $"has {now.Size} bytes, not {was.Size}", 0));
        Dictionary<string, long> after = [];
        foreach ((string name, long value) in now.Values) after.TryAdd(name, value);
        // A last enumerator that counts the others is no value of an object.
        string count = was.Values.Count > 0 && now.Values.Count > 0 && was.Values[^1].Name == now.Values[^1].Name
            && was.Values[^1].Value == was.Values.Max(v => v.Value) && now.Values[^1].Value == now.Values.Max(v => v.Value)
            ? was.Values[^1].Name : "";
        foreach ((string name, long value) in was.Values)
        {
            if (!after.TryGetValue(name, out long is_))
                changes.Add(new TypeChange(TypeHarm.None, name, $"{name} is gone", 0));
            else if (is_ != value)
                changes.Add(new TypeChange(name == count ? TypeHarm.None : TypeHarm.Layout, name, $"{name} is {is_}, not {value}", 0));
        }
        return changes;
    }

    // void * may point to anything, so that a pointer which becomes one, or was one, holds what it held.
    private static bool IsSameStorage(string was, string now) => was == now
        || was.StartsWith('*') && now.StartsWith('*') && (was == "*void" || now == "*void" || IsScalarPointer(was) && IsScalarPointer(now));

    private static bool IsScalarPointer(string storage) => storage is ['*', 'i' or 'b', .. var digits] && digits.All(char.IsAsciiDigit);

    private static string Amount(ulong bits) => bits % 8 != 0 ? $"{bits} bits" : bits == 8 ? "1 byte" : $"{bits / 8} bytes";

    // Nameless bit-fields are no fields; two nameless parts may have fields of one name only in C++.
    private static Dictionary<string, FieldShape> ByName(RecordShape record)
    {
        Dictionary<string, FieldShape> fields = [];
        foreach (FieldShape field in record.Fields)
            if (field.Name != "" && !fields.TryAdd(field.Name, field)) fields[$"{field.Name} (at {field.Bit})"] = field;
        return fields;
    }
}
