namespace Pannus.Authoring.Types;

/// <summary>Where a program keeps objects of a type, as far as the debug information of the changed objects tells.</summary>
internal sealed class TypeUse(IReadOnlyList<ObjectTypes> objects, IReadOnlySet<string> replaced)
{
    private const int MostNames = 8;

    /// <summary>The functions that have to do with it, the first few, in the order of their names.</summary>
    public string Users(string type)
    {
        string[] users = [.. objects.SelectMany(o => o.Functions.Values).Where(f => f.HasCode && f.Uses(type)).Select(f => f.DisplayName)
            .Distinct().Order(StringComparer.Ordinal)];
        if (users.Length == 0) return "";
        string more = users.Length > MostNames ? $" and {users.Length - MostNames} more" : "";
        return string.Join(", ", users.Take(MostNames)) + more;
    }

    /// <summary>
    /// Why objects of the type may exist while the patch is applied; null when they live only on the stacks of functions that
    /// are all replaced: none of those is active then, so there are none.
    /// </summary>
    public string? WhyItLivesOn(string type) => WhyItLivesOn(type, []);

    private string? WhyItLivesOn(string type, HashSet<string> seen)
    {
        if (!seen.Add(type)) return null;
        bool isHeld = false;
        foreach (ObjectTypes o in objects)
        {
            foreach (VariableShape v in o.Variables.Values)
                if (v.Types.Contains(type)) return $"the variable {v.Name} has it";
            foreach (FunctionShape f in o.Functions.Values)
            {
                if (f.Kept.Contains(type)) return $"{f.DisplayName} handles objects of it by pointers of its own";
                if (!f.Held.Contains(type)) continue;
                isHeld = true;
                if (f.HasCode && !replaced.Contains(f.Name)) return $"{f.DisplayName}, which is not replaced, has it on its stack";
            }
            foreach (RecordShape record in o.Types.Values.OfType<RecordShape>())
            {
                if (record.Name == type) continue;
                if (record.Fields.Any(f => IsPointerTo(f.Storage, type))) return $"{record.Name} points to it";
                if (!record.Fields.Any(f => IsPart(f.Storage, type))) continue;
                isHeld = true;
                if (WhyItLivesOn(record.Name, seen) is { } why) return $"{record.Name} has it, and {why}";
            }
        }
        return isHeld ? null : "no function has it on its stack, so it is allocated";
    }

    private static bool IsPart(string storage, string type) =>
        storage.StartsWith(type, StringComparison.Ordinal) && (storage.Length == type.Length || storage[type.Length] is '[' or ' ');

    private static bool IsPointerTo(string storage, string type) => storage.StartsWith('*') && IsPart(storage.TrimStart('*'), type);
}
