using Pannus.Authoring.Binary;
using Pannus.Authoring.Comparing;
using Pannus.Authoring.Objects;

namespace Pannus.Authoring.Rules;

/// <summary>
/// A patch is only for a target that runs our build of the base: function by function, but for addresses.
/// </summary>
internal sealed class BaseRules(TargetBinary target, FindingBag findings, ObjectSet old)
{
    private const int MostNames = 10;

    public void Check()
    {
        Dictionary<string, bool> functions = new(StringComparer.Ordinal);
        foreach (Atom atom in old.Objects.SelectMany(o => o.Atoms))
        {
            if (atom.Kind != AtomKind.Code || atom.Size == 0 || target.Find(atom) is not { } place) continue;
            // Of an inline function each object has a version, and the linker took one.
            string key = atom.IsGlobal ? atom.Name : $"{atom.Object.Name}:{atom.Name}";
            if (!functions.GetValueOrDefault(key)) functions[key] = BaseCheck.IsSame(target.File, atom, place.Address);
        }
        if (functions.Count == 0)
        {
            findings.Add(new PatchFinding(PatchFindingKind.BaseDiffers, PatchFindingSeverity.Refusal,
                $"{target.File.DisplayName} has none of the functions of the objects, by its symbols. Is it another "
                    + $"program, or stripped? Then give a file with its symbols."));
            return;
        }
        List<string> differ = [.. functions.Where(f => !f.Value).Select(f => f.Key).Order(StringComparer.Ordinal)];
        if (differ.Count == 0) return;
        string more = differ.Count > MostNames ? $" and {differ.Count - MostNames} more" : "";
        findings.Add(new PatchFinding(PatchFindingKind.BaseDiffers, PatchFindingSeverity.Refusal,
            $"{differ.Count} of {functions.Count} functions ({100.0 * differ.Count / functions.Count:0.0} %) are "
                + $"others in the target than in our build of the base: "
            + $"{string.Join(", ", differ.Take(MostNames))}{more}. Build the source, with the compiler and the "
                + $"flags, that the target was built with.")
        { Symbol = differ[0] });
    }
}
