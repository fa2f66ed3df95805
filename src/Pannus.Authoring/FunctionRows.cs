using Pannus.Authoring.Comparing;
using Pannus.Authoring.Objects;

namespace Pannus.Authoring;

/// <summary>What a person sees of the functions of a patch.</summary>
internal sealed class FunctionRows(PatchBuildInput input, ObjectSet old, Correlation correlation)
{
    public PatchedFunction Of(Replacement replacement)
    {
        ChangedFunction change = replacement.Change;
        string reason = change.Constants.Count > 0 ? $"uses {string.Join(", ", change.Constants)}, a constant that "
            + $"changed" : Inlined(change) ?? "changed";
        return new PatchedFunction(change.New.Name, change.New.Object.Name, reason, (long)change.Old.Size,
            (long)change.New.Size, Callers(change.Old))
        {
            ObjectPath = change.New.Object.Path, OriginalObjectPath = change.Old.Object.Path,
        };
    }

    public PatchedFunction OfNew(Atom atom) => new(atom.Name, atom.Object.Name, "new", 0, (long)atom.Size,
        []) { ObjectPath = atom.Object.Path };

    private IReadOnlyList<string> Callers(Atom function) =>
        [.. old.UsersOf(function).Select(u => u.User.Name).Where(n => n.Length > 0).Distinct()
        .Order(StringComparer.Ordinal)];

    // A copy of another function of the object that changed, too, is why this one did, as far as can be told from the
    // code.
    private string? Inlined(ChangedFunction change)
    {
        if (input.Source is not { } source) return null;
        IReadOnlyList<string> copies = source.InlinedInto(change.New.Object.Path, change.New.Name);
        string? changed = copies.FirstOrDefault(c => change.New.Object.Atoms.Any(a => a.Kind == AtomKind.Code
            && a.Name == c && correlation.Old(a) is null));
        return changed is null ? null : $"inlines {changed}";
    }
}
