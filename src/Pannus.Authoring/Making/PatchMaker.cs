using System.Diagnostics;
using System.Text;
using Pannus.Authoring.Building;
using Pannus.Authoring.Types;
using Pannus.Elf;

namespace Pannus.Authoring.Making;

/// <summary>Makes patches from objects or sources; the core is <see cref="PatchBuilder"/>.</summary>
internal static class PatchMaker
{
    /// <summary>From the objects of two builds.</summary>
    public static LivePatchBuild FromObjects(IReadOnlyList<ObjectPair> objects, TargetFile target, MakeOptions options, CancellationToken cancellation)
    {
        var clock = Stopwatch.StartNew();
        return Make(target.Name, objects, target, options, options.OutFile, [], cancellation) with { Duration = clock.Elapsed };
    }

    /// <summary>From a source tree and a diff: one result for each binary that a target runs.</summary>
    public static IReadOnlyList<LivePatchBuild> FromSource(SourceBuildInput input, IReadOnlyList<TargetFile> targets, MakeOptions options,
        CancellationToken cancellation)
    {
        var clock = Stopwatch.StartNew();
        bool isStripped = targets.Any(t => !t.HasSymbols);
        using var build = new SourceBuild(input with { WantsSymbols = input.WantsSymbols || isStripped }, cancellation);
        IReadOnlyList<(BuiltBinary Binary, TargetFile Target)> pairs = TargetChoice.Match(build.Build(), targets);
        List<string> notes = [$"diff {Path.GetFileName(input.Diff.Path)} sha256 {input.Diff.Hash}"];
        List<LivePatchBuild> results = [];
        int changed = pairs.Count(p => p.Binary.IsChanged);
        foreach ((BuiltBinary binary, TargetFile target) in pairs)
        {
            input.Progress?.Invoke("Making the patch", binary.Name);
            TargetFile known = target.HasSymbols ? target : target with { SymbolPath = binary.Path };
            PatchFinding[] findings = build.KeepsLines ? [] : [new PatchFinding(PatchFindingKind.Compiler, PatchFindingSeverity.Note,
                "Line numbers could not be kept, so that functions may be in the patch which differ by them alone.")];
            results.Add(Make(binary.Name, binary.Objects, known, options with { Notes = [.. options.Notes, .. notes] },
                options.OutFileFor(binary.Name, changed <= 1), findings, cancellation) with { BuildTime = build.BuildTime });
        }
        return [.. results.Select(r => r with { Duration = clock.Elapsed })];
    }

    private static LivePatchBuild Make(string binary, IReadOnlyList<ObjectPair> objects, TargetFile target, MakeOptions options, string outFile,
        IReadOnlyList<PatchFinding> found, CancellationToken cancellation)
    {
        (IReadOnlySet<string> exports, bool isLibrary) = Exports(target);
        var source = new BuildComparison(exports, isLibrary);
        ObjectPair? first = objects.FirstOrDefault(o => o.Patched is not null && o.Patched != o.Original) ?? objects.FirstOrDefault();
        PatchBuildResult result = PatchBuilder.Build(new PatchBuildInput
        {
            Objects = objects,
            TargetPath = target.Path,
            SymbolPath = target.SymbolPath,
            PatchName = options.Name != "" ? options.Name : Path.GetFileNameWithoutExtension(outFile),
            Notes = [.. options.Notes, .. CompilerNotes(source, first)],
            Commands = [.. options.Commands, .. options.Requires.Select(r => $"requires {r}")],
            NotActive = options.NotActive,
            Source = source,
        }, cancellation);
        return new LivePatchBuild
        {
            Binary = binary,
            BuildId = result.BuildId,
            Path = result.Verdict == PatchVerdict.Made ? outFile : "",
            Verdict = result.Verdict,
            Reason = result.Reason,
            Functions = result.Functions,
            NewFunctions = result.NewFunctions,
            Findings = [.. result.Findings, .. found, .. CompilerFindings(target, first)],
            Content = result.Patch,
        };
    }

    private static (IReadOnlySet<string> Exports, bool IsLibrary) Exports(TargetFile target)
    {
        using ElfImage image = ElfImage.OpenFile(target.Path, target.Name);
        HashSet<string> exports = [.. image.DynamicSymbols.Where(s => s.IsDefined && s.IsFunction).Select(s => s.Name)];
        return (exports, image.Type == ElfType.Dyn && image.Interpreter == "");
    }

    private static IEnumerable<string> CompilerNotes(BuildComparison source, ObjectPair? first)
    {
        if (first?.Patched is { } path && source.Producer(path) is { } producer) yield return $"compiler {producer}";
    }

    // .comment names every compiler that had a part in the target; ours must be one of them.
    private static IEnumerable<PatchFinding> CompilerFindings(TargetFile target, ObjectPair? first)
    {
        if (first?.Patched is not { } path || Compilers(path) is not [var ours, ..]) yield break;
        IReadOnlyList<string> theirs = Compilers(target.Path);
        if (theirs.Count == 0 || theirs.Contains(ours)) yield break;
        yield return new PatchFinding(PatchFindingKind.Compiler, PatchFindingSeverity.Warning,
            $"The patch is compiled by '{ours}', the target by '{string.Join("', '", theirs)}'.");
    }

    private static IReadOnlyList<string> Compilers(string path)
    {
        using ElfImage image = ElfImage.OpenFile(path);
        return image.FindSection(".comment") is { } section
            ? [.. Encoding.UTF8.GetString(image.SectionData(section)).Split('\0', StringSplitOptions.RemoveEmptyEntries)] : [];
    }
}
