using Pannus.Authoring.Binary;
using Pannus.Authoring.Comparing;
using Pannus.Authoring.Objects;

namespace Pannus.Authoring.Rules;

/// <summary>Which functions cannot be replaced, or not the way that it looks.</summary>
internal sealed class CodeRules(TargetBinary target, FindingBag findings, ObjectSet old, Correlation correlation)
{
    public void Check(Selection selection)
    {
        foreach (Replacement r in selection.Replaced) Check(r.Change.New);
        CheckFolded(selection);
        foreach (Atom atom in selection.Included)
            if (atom.Kind == AtomKind.Code && correlation.Old(atom) is null) CheckWhole(atom);
        if (selection.Replaced.Count > 0) CheckGone();
    }

    // Of a function that the fix has no more the target may have kept the address.
    private void CheckGone()
    {
        foreach (Atom atom in old.Objects.SelectMany(o => o.Atoms))
        {
            bool isGone = atom.Kind == AtomKind.Code && atom.Name.Length > 0 && !CompilerName.IsNumbered(atom.Name)
                && !CompilerName.IsColdPart(atom.Name) && correlation.New(atom) is null;
            if (!isGone || target.Find(atom) is null) continue;
            if (!old.UsersOf(atom).Any(u => !u.User.References[u.Index].IsBranch)) continue;
            findings.Add(PatchFindingKind.Hook, atom, "the fix has no such function any more, and the program takes its "
                + "address: what has kept it still calls the old code", PatchFindingSeverity.Warning);
        }
    }

    private void Check(Atom function)
    {
        CheckWhole(function);
        if (function.Symbols.Any(s => s.Symbol.IsIndirect))
        {
            findings.Add(PatchFindingKind.CodeUnsupported, function,
                "an ifunc resolver, which has run already. Change the functions that it chooses from");
        }
        if (function.Name == "main" || function.Name == "_start")
        {
            findings.Add(PatchFindingKind.AlwaysActive, function,
                "it is active as long as the program runs, so that a running process refuses the patch. "
                + "Move what changes into a function that it calls", PatchFindingSeverity.Warning);
        }
    }

    private void CheckWhole(Atom function)
    {
        int entries = function.Symbols.Where(s => s.Symbol.IsFunction).Select(s => s.Symbol.Value).Distinct().Count();
        // Every compiler names the source; the assembler by itself does not.
        bool isAssembler = function.Object.SourceName.Length == 0
            || function.Object.SourceName.EndsWith(".S", StringComparison.OrdinalIgnoreCase)
            || function.Object.SourceName.EndsWith(".asm", StringComparison.OrdinalIgnoreCase) || entries == 0;
        if (isAssembler)
        {
            findings.Add(PatchFindingKind.CodeUnsupported, function,
                "assembler whose code changed: where its functions begin and end, and what they use, is "
                + "not known. Write the patch for it by hand");
        }
        else if (entries > 1)
        {
            findings.Add(PatchFindingKind.ObjectUnsupported, function,
                "several functions in one section. Compile with -ffunction-sections -fdata-sections");
        }
        else if (function.Symbols.FirstOrDefault(s => s.Symbol.Type == Elf.ElfSymbolType.None && !s.IsLocal)
            is { } label)
        {
            findings.Add(PatchFindingKind.CodeUnsupported, function,
                $"inline assembly in it defines {label.Name}, which others may refer to. Make the label a local one");
        }
    }

    // A linker may have put functions with the same code at one place (--icf): a jump there is for all of them.
    private void CheckFolded(Selection selection)
    {
        if (selection.Replaced.Count == 0) return;
        Dictionary<ulong, Replacement> replaced = [];
        foreach (Replacement r in selection.Replaced) replaced.TryAdd(r.Address, r);
        foreach (Atom atom in old.Objects.SelectMany(o => o.Atoms))
        {
            if (atom.Kind != AtomKind.Code || target.Find(atom) is not { } place
                || !replaced.TryGetValue(place.Address, out Replacement? r)) continue;
            Atom before = r.Change.Old;
            bool isSame = atom == before || atom.Symbols.Any(s => !s.IsLocal
                && before.Symbols.Any(x => x.Name == s.Name));
            if (!isSame && !selection.Replaced.Any(x => x.Change.Old == atom && x == r))
            {
                findings.Add(PatchFindingKind.Symbol, r.Change.New,
                    $"the linker has folded it with {atom.Name}, which would be replaced as well. "
                    + "Link the program without --icf");
            }
        }
    }
}
