using Pannus.Authoring.Binary;
using Pannus.Authoring.Objects;

namespace Pannus.Authoring.Comparing;

/// <summary>What a reference of a patch leads to.</summary>
/// <param name="Inside">An atom of the patch; null for something else.</param>
/// <param name="Symbol">Name of what is outside.</param>
/// <param name="Place">How commands name it in the target; empty for what the dynamic linker would find by its
/// name.</param>
internal readonly record struct Destination(Atom? Inside, string Symbol = "", string Place = "");

/// <summary>A function of the target that the patch replaces.</summary>
internal sealed record Replacement(ChangedFunction Change, string Place, ulong Address);

/// <summary>
/// Selects what goes into the patch: the functions that changed, and from them on all that the target does not have.
/// What the target has stays the target's, above all its data, and a function that is replaced: who calls it goes by
/// its entry, where the jump is, so that its address stays what the program compares and later patches are seen.
/// </summary>
internal sealed class Selection(
    ObjectSet old, ObjectSet @new, Correlation correlation, Comparison comparison, TargetBinary target,
        FindingBag findings)
{
    private readonly List<Atom> _included = [];
    private readonly HashSet<Atom> _isIncluded = [];
    private readonly Dictionary<Atom, bool> _isInTarget = [];
    private readonly HashSet<Atom> _missing = [];
    private readonly HashSet<Atom> _replaced = [];

    /// <summary>The functions to replace, in the order of objects and places.</summary>
    public List<Replacement> Replaced { get; } = [];

    /// <summary>All atoms of the patch.</summary>
    public IReadOnlyList<Atom> Included => _included;

    /// <summary>Selects from the functions that changed on. Those that are not in the target are left out.</summary>
    public void Select(IEnumerable<ChangedFunction> changed)
    {
        foreach (ChangedFunction change in changed)
        {
            if (target.Find(change.Old) is { } place)
            {
                Replaced.Add(new Replacement(change, target.NameOf(change.Old, place), place.Address));
                _replaced.Add(change.New);
            }
            else if (!IsMissing(change.Old))
            {
                continue;
            }
            else
            {
                findings.Add(PatchFindingKind.Symbol, change.New,
                    "the target has the function, and where cannot be told from its symbols. "
                    + "Give a file with the symbols of the target's own build");
            }
        }
        foreach (Replacement r in Replaced) Include(r.Change.New);
        for (int i = 0; i < _included.Count; i++)
        {
            Atom atom = _included[i];
            foreach (Reference r in atom.References)
                if (Of(r).Inside is { } needed) Include(needed);
            if (atom.ExceptionTable is { } handlers) Include(handlers);
            if (atom.Kind == AtomKind.Code && atom.Object.Frames.Of(atom) is { } frame && atom.Object.Frames.Section
                is { } section)
            {
                foreach (Reference r in new FrameReader(atom.Object, section).Of(frame.Common))
                    if (Of(r).Inside is { } needed) Include(needed);
            }
        }
    }

    /// <summary>What a reference of an atom of the patch leads to.</summary>
    public Destination Of(in Reference r)
    {
        if (@new.TargetOf(r) is not { } atom) return OfUndefined(r);
        if (_isIncluded.Contains(atom) && !(_replaced.Contains(atom) && r.Delta == 0)) return new Destination(atom);
        // A middle of a function that is replaced is meant by its own cold part and tables.
        if (atom.Kind == AtomKind.Code && r.Delta != 0 && _replaced.Contains(atom)) return new Destination(atom);
        if (atom.Kind == AtomKind.Constant && !IsTheTargets(atom)) return new Destination(atom);
        if (atom.Kind == AtomKind.Code && (CompilerName.IsColdPart(atom.Name)
            || IsThunk(atom))) return new Destination(atom);
        if (correlation.Old(atom) is not { } before) return new Destination(atom);
        string exported = atom.Symbols.FirstOrDefault(s => !s.IsLocal && target.IsPreemptible(s.Name))?.Name ?? "";
        if (exported.Length > 0 && (!_replaced.Contains(atom) || r.IsBranch)) return new Destination(null, exported);
        if (target.Find(before) is { } place)
        {
            if (correlation.IsAmbiguous(atom) && _missing.Add(atom))
            {
                findings.Add(PatchFindingKind.Symbol, atom, "which of several variables of that name this one was "
                    + "cannot be told from who "
                    + "uses them. Give them different names in the source");
            }
            return new Destination(null, atom.Name, target.NameOf(before, place));
        }
        if (IsMissing(before) && _missing.Add(atom))
        {
            findings.Add(PatchFindingKind.Symbol, atom, "the patch needs it, and where the target has it cannot be "
                + "told from its symbols. "
                + "Give a file with the symbols of the target's own build");
        }
        return new Destination(atom);
    }

    // The address of a constant means little to a program; of one that has a name in the source, perhaps something.
    private bool IsTheTargets(Atom atom)
    {
        if (_isInTarget.TryGetValue(atom, out bool known)) return known;
        return _isInTarget[atom] = !CompilerName.IsMadeUp(atom.Name)
            && !atom.Name.StartsWith("DW.ref.", StringComparison.Ordinal)
            && correlation.Old(atom) is { } before && target.Find(before) is not null && comparison.IsSame(before, atom)
            && !atom.References.Any(r => r.Delta != 0 && @new.TargetOf(r) is { Kind: AtomKind.Code } code
                && _replaced.Contains(code));
    }

    // Where the program counter is: IA-32 has to ask. Each object has its own, and it is three bytes.
    private static bool IsThunk(Atom atom) => atom.Name.StartsWith("__x86.get_pc_thunk.", StringComparison.Ordinal);

    private Destination OfUndefined(in Reference r)
    {
        string name = r.Symbol;
        if (name.Length == 0 || name == "_GLOBAL_OFFSET_TABLE_") return new Destination(null, name);
        // A hidden one comes with each module, from the C runtime's objects or from the linker.
        bool isOwn = name.StartsWith("__start_", StringComparison.Ordinal)
            || name.StartsWith("__stop_", StringComparison.Ordinal)
            || name is "__dso_handle" or "__stack_chk_fail_local";
        return new Destination(null, name, isOwn ? target.NameOfHidden(name) ?? "" : "");
    }

    // A linker leaves out what nothing refers to. What something in the target refers to is there, found or not; and
    // without symbols of the target's own code nothing can be told.
    private bool IsMissing(Atom before) => !target.HasSymbols
        || old.UsersOf(before).Any(u => u.User.Name.Length > 0 && target.Find(u.User) is not null);

    private void Include(Atom atom)
    {
        if (!_isIncluded.Add(atom)) return;
        _included.Add(atom);
        if (atom.Kind == AtomKind.ThreadLocal)
        {
            findings.Add(PatchFindingKind.ThreadLocal, atom, "a thread-local variable that the target does not have: "
                + "threads that run have no "
                + "room for it. Use an ordinary variable, or a table by thread");
        }
        else if (atom.Kind == AtomKind.Data && atom.Name.Length == 0)
        {
            findings.Add(PatchFindingKind.Symbol, atom, "data without a name that the program writes: which of the "
                + "target's it is cannot be told. Give it a name in the source");
        }
        else if (atom.Kind == AtomKind.Gathered)
        {
            findings.Add(PatchFindingKind.ConstantTable, atom, $"an entry of {atom.Section?.Name}, which the linker "
                + $"gathers from all objects: "
                + "the target's list does not have it. Add it by a hook");
        }
    }
}
