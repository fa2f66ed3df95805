using Pannus.Core;
using Pannus.Images;
using Pannus.Journal;
using Pannus.Planning;
using Pannus.Symbols;
using Pannus.Targets;

namespace Pannus.LivePatches;

/// <summary>What one patch leaves old in one target, and the clones that it replaces besides what its commands name.</summary>
internal sealed class CoveragePlan
{
    private const int MostNamed = 6;

    private readonly TargetProcess _target;
    private readonly LivePatchRequest _request;
    private readonly Coverage _coverage;
    private readonly List<(PatchCommand Command, Coverage.Replaced Replaced)> _jumps = [];
    private readonly HashSet<ulong> _entries = [];

    public CoveragePlan(TargetProcess target, LivePatchRequest request, IReadOnlyList<ResolvedSymbol> symbols)
    {
        (_target, _request, _coverage) = (target, request, new Coverage(target, request.Symbols));
        for (int i = 0; i < symbols.Count; i++)
        {
            if (request.Commands.Commands[i].Kind != PatchCommandKind.Jump) continue;
            _jumps.Add((request.Commands.Commands[i], _coverage.Of(symbols[i])));
            _entries.Add(symbols[i].Address);
        }
    }

    /// <summary>One line about all of the functions.</summary>
    public string Text { get; private set; } = Coverage.Whole;

    /// <summary>Whether code is known to stay old, or other functions change.</summary>
    public bool IsPartial { get; private set; }

    /// <summary>
    /// The writes for clones that are called as their function is. One that has no room for a jump stays old, and is named.
    /// </summary>
    public IReadOnlyList<PlannedWrite> Clones(Func<PatchCommand, ResolvedSymbol, IReadOnlyList<PlannedWrite>> plan)
    {
        List<PlannedWrite> writes = [];
        foreach ((PatchCommand command, Coverage.Replaced replaced) in _jumps.ToArray())
        {
            foreach (ResolvedSymbol clone in replaced.Clones)
            {
                if (_entries.Contains(clone.Address)) continue;
                try
                {
                    writes.AddRange(plan(command, clone));
                    _entries.Add(clone.Address);
                }
                catch (PatchException)
                {
                    // It is described as old.
                }
            }
        }
        return writes;
    }

    /// <summary>Tells each jump's coverage. Error: <see cref="PatchErrorId.CoverageIncomplete"/> when the user wants all of it.</summary>
    public IReadOnlyList<PlannedWrite> Describe(IReadOnlyList<PlannedWrite> writes)
    {
        Dictionary<string, string> texts = new(StringComparer.Ordinal);
        List<string> lines = [];
        bool isUnknown = false;
        foreach ((_, Coverage.Replaced replaced) in _jumps)
        {
            string text = _coverage.Describe(replaced, _entries, out bool isPartial);
            IsPartial |= isPartial;
            isUnknown |= replaced.Source == CopySource.Nothing;
            if (text != Coverage.Whole) lines.Add($"{replaced.Function.Name}: {text}");
            texts[replaced.Function.Name] = text;
            foreach (ResolvedSymbol clone in replaced.Clones) texts[clone.Name] = text;
        }
        string more = lines.Count > MostNamed ? $" and {lines.Count - MostNamed} more functions" : "";
        if (lines.Count > 0) Text = string.Join(" | ", lines.Take(MostNamed)) + more;
        if (_request.IsStrict && (IsPartial || isUnknown))
        {
            throw new PatchException(PatchErrorId.CoverageIncomplete, $"{_request.Name} does not reach all code of {_target.DisplayName} that it is for: "
                + $"{Text}. Replace those functions as well, give the module's symbols (-SymbolFile), or leave out -Strict.");
        }
        return [.. writes.Select(w => w.Kind is PlannedWriteKind.Jump && texts.TryGetValue(w.Symbol, out string? text) ? w with { Coverage = text } : w)];
    }
}
