using Pannus.Authoring.Objects;

namespace Pannus.Authoring.Comparing;

/// <summary>A function of the fixed build that differs from the one before.</summary>
/// <param name="Old">The function before.</param>
/// <param name="New">The fixed one.</param>
/// <param name="Constants">Names of constants that it refers to and that changed.</param>
internal sealed record ChangedFunction(Atom Old, Atom New, IReadOnlyList<string> Constants);

/// <summary>Finds what changed between two builds.</summary>
internal sealed class ChangeFinder(ObjectSet old, ObjectSet @new, Correlation correlation, Comparison comparison)
{
    /// <summary>
    /// Functions that changed, in the order of objects and places; of one that several objects have, such as an inline
    /// one, the first of those that changed. A cold part is a part of its function.
    /// </summary>
    public IReadOnlyList<ChangedFunction> Functions()
    {
        List<ChangedFunction> changed = [];
        HashSet<Atom> seen = [];
        HashSet<string> names = new(StringComparer.Ordinal);
        foreach (Atom atom in @new.Objects.SelectMany(o => o.Atoms))
        {
            if (atom.Kind != AtomKind.Code || correlation.Old(atom) is not { } before
                || comparison.IsSame(before, atom)) continue;
            Atom whole = OfColdPart(atom) ?? atom;
            if (correlation.Old(whole) is not { } wholeBefore || !seen.Add(whole)
                || (whole.IsGlobal && !names.Add(whole.Name))) continue;
            changed.Add(new ChangedFunction(wholeBefore, whole, ChangedConstants(wholeBefore, whole)));
        }
        return changed;
    }

    /// <summary>Data that the program writes, or other than code, and that is not what it was.</summary>
    public IEnumerable<(Atom Old, Atom New)> Data() =>
        from atom in @new.Objects.SelectMany(o => o.Atoms)
        where atom.Kind is not (AtomKind.Code or AtomKind.Constant)
        let before = correlation.Old(atom)
        where before is not null && !comparison.IsSame(before, atom)
        select (before, atom);

    /// <summary>Constants with a name that hold something else than before.</summary>
    public IEnumerable<(Atom Old, Atom New)> Constants() =>
        from atom in @new.Objects.SelectMany(o => o.Atoms)
        where atom.Kind == AtomKind.Constant && !CompilerName.IsMadeUp(atom.Name)
        let before = correlation.Old(atom)
        where before is not null && !comparison.IsSame(before, atom)
        select (before, atom);

    /// <summary>The function that an atom is the cold part of; null when it is none.</summary>
    public static Atom? OfColdPart(Atom atom)
    {
        if (!CompilerName.IsColdPart(atom.Name)) return null;
        string name = CompilerName.OfColdPart(atom.Name);
        return atom.Object.Atoms.FirstOrDefault(a => a.Kind == AtomKind.Code && a.Symbols.Any(s => s.Name == name));
    }

    private List<string> ChangedConstants(Atom before, Atom after)
    {
        List<string> names = [];
        if (before.References.Count != after.References.Count) return names;
        for (int i = 0; i < before.References.Count; i++)
        {
            Atom? o = old.TargetOf(before.References[i]), n = @new.TargetOf(after.References[i]);
            if (o is { Kind: AtomKind.Constant } && n is { Kind: AtomKind.Constant } && !CompilerName.IsMadeUp(n.Name)
                && correlation.Old(n) == o && !comparison.IsSame(o, n) && !names.Contains(n.Name)) names.Add(n.Name);
        }
        return names;
    }
}
