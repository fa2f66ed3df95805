using Pannus.Authoring.Binary;
using Pannus.Authoring.Comparing;
using Pannus.Authoring.Objects;
using Pannus.Authoring.Rules;
using Pannus.Authoring.Writing;

namespace Pannus.Authoring;

/// <summary>One run of <see cref="PatchBuilder"/>, with all objects open.</summary>
internal sealed class PatchBuild
{
    private readonly PatchBuildInput _input;
    private readonly TargetBinary _target;
    private readonly FindingBag _findings;
    private readonly CancellationToken _cancellation;
    private readonly ObjectSet _old, _new;
    private readonly Correlation _correlation;
    private readonly Comparison _comparison;
    private readonly IReadOnlyList<(BuildObject? Old, BuildObject? New)> _pairs;

    public PatchBuild(PatchBuildInput input, TargetBinary target, FindingBag findings,
        IReadOnlyList<(BuildObject? Old, BuildObject? New)> pairs, CancellationToken cancellation)
    {
        (_input, _target, _findings, _pairs, _cancellation) = (input, target, findings, pairs, cancellation);
        _old = new ObjectSet([.. pairs.Select(p => p.Old).OfType<BuildObject>()]);
        _new = new ObjectSet([.. pairs.Select(p => p.New).OfType<BuildObject>()]);
        _correlation = new Correlation(_old, _new, pairs);
        _comparison = new Comparison(_old, _new, _correlation);
    }

    public PatchBuildResult Run()
    {
        var changes = new ChangeFinder(_old, _new, _correlation, _comparison);
        IReadOnlyList<ChangedFunction> changed = changes.Functions();
        _cancellation.ThrowIfCancellationRequested();
        var selection = new Selection(_old, _new, _correlation, _comparison, _target, _findings);
        selection.Select(changed);
        _cancellation.ThrowIfCancellationRequested();
        new CodeRules(_target, _findings, _old, _correlation).Check(selection);
        new DataRules(_target, _findings, _old, _new, _comparison, _pairs).Check(changes, selection);

        var rows = new FunctionRows(_input, _old, _correlation);
        IReadOnlyList<PatchedFunction> functions = [.. selection.Replaced.Select(rows.Of)];
        IReadOnlyList<PatchedFunction> newFunctions = [.. selection.Included.Where(IsNewFunction).Select(rows.OfNew)];
        if (_input.Source is { } source)
            foreach (PatchFinding finding in source.CompareTypes(_input.Objects, functions)) _findings.Add(finding);
        else if (functions.Count > 0)
            _findings.Add(new PatchFinding(PatchFindingKind.NotCompared, PatchFindingSeverity.Warning,
                "No debug information was read, so that types were not compared."));
        if (selection.Replaced.Count == 0 && !_findings.HasRefusal) return Unchanged(changed);
        new BaseRules(_target, _findings, _old).Check();
        if (_findings.HasRefusal)
            return PatchBuilder.Result(_target, _findings, _findings.All[0].Message, functions, newFunctions);
        return Make(selection, functions, newFunctions);
    }

    private bool IsNewFunction(Atom atom) => atom.Kind == AtomKind.Code && _correlation.Old(atom) is null
        && !CompilerName.IsColdPart(atom.Name);

    private PatchBuildResult Unchanged(IReadOnlyList<ChangedFunction> changed) =>
        PatchBuilder.Result(_target, _findings,
        changed.Count == 0 ? "No function of the binary differs: what the fix changes is not compiled, or only moves "
            + "lines."
            : $"What differs is not in this binary: {string.Join(", ", changed.Select(c => c.New.Name).Take(5))}.",
                [], []) with
    { Verdict = PatchVerdict.Unchanged };

    private PatchBuildResult Make(Selection selection, IReadOnlyList<PatchedFunction> functions,
        IReadOnlyList<PatchedFunction> newFunctions)
    {
        var assembler = new PatchAssembler(selection, _new, _target.Architecture);
        assembler.Assemble();
        var commands = new List<string>();
        if (_input.PatchName.Length > 0) commands.Add("name " + _input.PatchName);
        if (_target.File.BuildId.Length > 0 && !_target.IsLibrary) commands.Add("build-id " + _target.File.BuildId);
        commands.AddRange(_input.Notes.Select(n => "# " + n.ReplaceLineEndings(" ")));
        commands.AddRange(_input.Commands);
        commands.AddRange(assembler.Commands);
        string text = string.Join('\n', commands) + "\n";
        return PatchBuilder.Result(_target, _findings, $"{functions.Count} functions are replaced.", functions,
            newFunctions) with
        {
            Verdict = PatchVerdict.Made, Commands = text, Patch = assembler.Finish(text),
        };
    }
}
