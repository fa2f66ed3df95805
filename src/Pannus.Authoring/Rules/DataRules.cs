using Pannus.Authoring.Binary;
using Pannus.Authoring.Comparing;
using Pannus.Authoring.Objects;

namespace Pannus.Authoring.Rules;

/// <summary>
/// What a patch cannot change, as the target has it already: data that is written, lists that were gathered, what ran
/// at the start.
/// </summary>
internal sealed class DataRules(TargetBinary target, FindingBag findings, ObjectSet old, ObjectSet @new,
    Comparison comparison,
    IReadOnlyList<(BuildObject? Old, BuildObject? New)> pairs)
{
    public void Check(ChangeFinder changes, Selection selection)
    {
        foreach ((Atom before, Atom after) in changes.Data())
            if (after.Kind != AtomKind.Gathered && target.Find(before) is not null) CheckData(before, after);
        foreach ((Atom before, Atom after) in changes.Constants())
            if (target.Find(before) is not null) CheckConstant(before, after);
        foreach ((BuildObject? o, BuildObject? n) in pairs)
            if (n is not null && o != n) CheckGathered(o, n);
        CheckConstructors(selection);
    }

    private void CheckData(Atom before, Atom after)
    {
        if (after.Kind == AtomKind.ThreadLocal)
        {
            findings.Add(PatchFindingKind.ThreadLocal, after, before.Size != after.Size
                ? $"a thread-local variable of {before.Size} bytes that would have {after.Size}. Each thread has one "
                    + $"already"
                : "a thread-local variable that would begin with another value. Each thread has one already. Set it "
                    + "by a hook");
            return;
        }
        if (before.Size != after.Size)
        {
            findings.Add(PatchFindingKind.InitialValue, after, $"a variable of {before.Size} bytes that would have "
                + $"{after.Size}. The target has it already, and "
                + "other things after it. Use another variable for what is new");
            return;
        }
        findings.Add(PatchFindingKind.InitialValue, after, "a variable that would begin with another value. The "
            + "target has it already, with what the program has "
            + "written since. Change it by a hook (-PreApply), or by a V or P command");
    }

    private void CheckConstant(Atom before, Atom after)
    {
        if (after.Name.StartsWith("_ZTV", StringComparison.Ordinal)
            || after.Name.StartsWith("_ZTT", StringComparison.Ordinal))
        {
            findings.Add(PatchFindingKind.ConstantTable, after, "the table of a class's virtual functions is another "
                + "one. Objects that there are point to the old one. "
                + "Keep the virtual functions as they were");
        }
        else if (target.IsExported(before))
        {
            findings.Add(PatchFindingKind.ConstantTable, after, "a constant that the library exports holds something "
                + "else. Other modules have its address. "
                + "Use another constant for what is new");
        }
        else if (after.References.Any(r => @new.TargetOf(r) is { Kind: AtomKind.Code }) && old.UsersOf(before).Any())
        {
            findings.Add(PatchFindingKind.ConstantTable, after, "a table with functions is another one in the patch. "
                + "What has kept the old one's address uses the old one",
                PatchFindingSeverity.Warning);
        }
    }

    private void CheckGathered(BuildObject? o, BuildObject n)
    {
        foreach (Atom after in n.Atoms.Where(a => a.Kind == AtomKind.Gathered))
        {
            Atom? before = o?.Atoms.FirstOrDefault(a => a.Kind == AtomKind.Gathered
                && a.Section!.Name == after.Section!.Name);
            if (before is not null && comparison.IsSame(before, after)) continue;
            bool runs = AtomTable.RunsByItself(after.Section!);
            string functions = string.Join(", ", after.References.Select(r => @new.TargetOf(r)?.Name ?? r.Symbol)
                .Where(x => x.Length > 0).Distinct().Take(5));
            findings.Add(runs ? PatchFindingKind.Constructor : PatchFindingKind.ConstantTable, after, runs
                ? $"what runs at the start or end of the program is another list ({functions}). The target has "
                    + $"started already. Do it on the first call, or by a hook"
                : $"the list {after.Section!.Name}, which the linker gathers from all objects, is another one "
                    + $"({functions}). Add to it by a hook");
        }
    }

    private void CheckConstructors(Selection selection)
    {
        HashSet<Atom> starting = [];
        foreach (Atom list in @new.Objects.SelectMany(o => o.Atoms)
            .Where(a => a.Kind == AtomKind.Gathered && AtomTable.RunsAtStart(a.Section!)))
            foreach (Reference r in list.References)
                if (@new.TargetOf(r) is { } function) starting.Add(function);
        foreach (Replacement r in selection.Replaced)
        {
            if (!starting.Contains(r.Change.New)) continue;
            findings.Add(PatchFindingKind.Constructor, r.Change.New,
                "a constructor that changed. It has run already. Put right by a hook what it should have done");
        }
    }
}
