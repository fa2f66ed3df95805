namespace Pannus.Authoring.Types;

/// <summary>Finds types whose objects of before the new code would misread.</summary>
internal sealed class LayoutFindings(IReadOnlyList<(ObjectTypes Was, ObjectTypes Now)> objects, IReadOnlySet<string> replaced)
{
    private const int MostChanges = 3;

    /// <summary>One finding for each type that changed, those that are the cause of others first.</summary>
    public IReadOnlyList<PatchFinding> Find()
    {
        var changed = new SortedDictionary<string, (TypeShape Was, TypeShape Now, IReadOnlyList<TypeChange> Changes)>(StringComparer.Ordinal);
        foreach ((ObjectTypes was, ObjectTypes now) in objects)
        {
            foreach ((string name, TypeShape before) in was.Types)
            {
                if (!now.Types.TryGetValue(name, out TypeShape? after)) continue;
                IReadOnlyList<TypeChange> changes = TypeComparison.Compare(before, after);
                // Two files may have types of one name: that with the more harm is told of.
                if (changes.Count > 0 && (!changed.TryGetValue(name, out var known) || Harm(known.Changes) < Harm(changes)))
                    changed[name] = (before, after, changes);
            }
        }
        var use = new TypeUse([.. objects.SelectMany(o => new[] { o.Was, o.Now })], replaced);
        List<PatchFinding> roots = [], followers = [];
        foreach ((string name, (TypeShape was, TypeShape now, IReadOnlyList<TypeChange> changes)) in changed)
        {
            if (Harm(changes) == TypeHarm.None) continue;
            bool isRoot = changes.Any(c => c.Harm != TypeHarm.None && !c.IsConsequence);
            // What holds a type that grew has grown with it.
            string? inner = changes.All(c => c.IsConsequence || c.Field == "" || Grown(now, c.Field, changed.Keys))
                && now is RecordShape record ? record.Fields.Select(f => changed.Keys.FirstOrDefault(k => f.Storage.StartsWith(k, StringComparison.Ordinal)))
                    .FirstOrDefault(k => k is not null && k != name) : null;
            (isRoot && inner is null ? roots : followers).Add(Finding(name, now, changes, use, inner));
        }
        return [.. roots, .. followers];
    }

    private static bool Grown(TypeShape shape, string field, IEnumerable<string> changed) => shape is RecordShape record
        && record.Fields.FirstOrDefault(f => f.Name == field) is { } found && changed.Any(c => found.Storage.StartsWith(c, StringComparison.Ordinal));

    private static PatchFinding Finding(string name, TypeShape now, IReadOnlyList<TypeChange> changes, TypeUse use, string? inner)
    {
        TypeChange[] harmful = [.. changes.Where(c => c.Harm != TypeHarm.None).OrderBy(c => c.IsConsequence).ThenByDescending(c => c.Harm)];
        TypeChange first = harmful[0];
        string what = string.Join("; ", harmful.Take(MostChanges).Select(c => c.What)) + (harmful.Length > MostChanges
            ? $"; and {harmful.Length - MostChanges} more differences" : "") + (inner is null ? "" : $" (it holds {inner})");
        string users = use.Users(name) is { Length: > 0 } some ? $" It is used by {some}." : "";
        (PatchFindingSeverity severity, string advice) = Judge(name, Harm(changes), use);
        return new PatchFinding(PatchFindingKind.Layout, severity, $"{name}: {what}. {advice}{users}")
        {
            Type = name, Field = first.Field, File = now.Place?.File ?? "", Line = first.Line > 0 ? first.Line : now.Place?.Line ?? 0,
        };
    }

    private static (PatchFindingSeverity, string) Judge(string name, TypeHarm harm, TypeUse use)
    {
        string? why = use.WhyItLivesOn(name);
        if (why is null)
            return (PatchFindingSeverity.Note, "Its objects live only on the stacks of functions that are all replaced, so there are "
                + "none when the patch is applied.");
        return harm == TypeHarm.Padding
            ? (PatchFindingSeverity.Warning, "Nothing else has moved, but objects made before have in it what was in their padding: see "
                + "that the new code can do with that.")
            : (PatchFindingSeverity.Refusal, $"Objects made before are not as the new code expects them ({why}). Keep the type as "
                + "it was and keep what is new in data of the patch's own, found by the object's address, or convert the objects in a hook.");
    }

    private static TypeHarm Harm(IEnumerable<TypeChange> changes) => changes.Max(c => c.Harm);
}
