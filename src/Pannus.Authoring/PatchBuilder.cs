using Pannus.Authoring.Binary;
using Pannus.Authoring.Objects;
using Pannus.Core;

namespace Pannus.Authoring;

/// <summary>
/// Makes a patch from two builds, in a straight line: pair the objects, correlate what is in them, compare it, select
/// what the patch needs, and write that as one object. It only reads files, and the same files give the same bytes.
/// </summary>
public static class PatchBuilder
{
    /// <summary>
    /// Makes a patch, or says why there is none. Errors: <see cref="PatchErrorId.PatchFileNotFound"/>,
    /// <see cref="PatchErrorId.PatchFileInvalid"/>, <see cref="PatchErrorId.ArchitectureMismatch"/> for files that
    /// cannot be read; all else are findings of the result.
    /// </summary>
    public static PatchBuildResult Build(PatchBuildInput input, CancellationToken cancellation = default)
    {
        using TargetBinary target = TargetBinary.Open(input.TargetPath, input.SymbolPath);
        using var opened = new ObjectStore();
        var findings = new FindingBag(input.Source);
        List<(BuildObject? Old, BuildObject? New)> pairs = [];
        foreach (ObjectPair pair in input.Objects)
        {
            cancellation.ThrowIfCancellationRequested();
            try
            {
                pairs.Add((opened.Open(pair.Name, pair.Original, target),
                    opened.Open(pair.Name, pair.Patched, target)));
            }
            catch (PatchException e) when (e.Id is PatchErrorId.PatchFileInvalid or PatchErrorId.ArchitectureMismatch)
            {
                findings.Add(new PatchFinding(PatchFindingKind.ObjectUnsupported, PatchFindingSeverity.Refusal,
                    e.Message) { File = pair.Name });
            }
        }
        if (findings.HasRefusal) return Result(target, findings, "an object cannot be read", [], []);
        return new PatchBuild(input, target, findings, pairs, cancellation).Run();
    }

    internal static PatchBuildResult Result(TargetBinary target, FindingBag findings, string reason,
        IReadOnlyList<PatchedFunction> functions, IReadOnlyList<PatchedFunction> newFunctions) => new()
        {
            Verdict = PatchVerdict.Refused, Reason = reason, BuildId = target.File.BuildId, Functions = functions,
                NewFunctions = newFunctions,
            Findings = findings.All,
        };
}
