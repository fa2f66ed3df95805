using Pannus.Authoring.Building;
using Pannus.Core;
using Pannus.Elf;

namespace Pannus.Authoring.Making;

/// <summary>Finds which programs and libraries of a build a target runs.</summary>
internal static class TargetChoice
{
    private const int SameBuild = 4, SameSoName = 3, SameName = 2, SameKind = 1;

    private sealed record Identity(string BuildId, string SoName, string FileName, bool IsLibrary);

    /// <summary>
    /// Pairs binaries with the files that they are the build of. Error: <see cref="PatchErrorId.NotPatchable"/> when a target
    /// file that is alone is none of the binaries.
    /// </summary>
    public static IReadOnlyList<(BuiltBinary Binary, TargetFile Target)> Match(IReadOnlyList<BuiltBinary> binaries, IReadOnlyList<TargetFile> targets)
    {
        (BuiltBinary Binary, Identity Identity)[] built = [.. binaries.Select(b => (b, Read(b.Path, b.Name)))];
        List<(BuiltBinary, TargetFile)> pairs = [];
        HashSet<string> taken = [];
        foreach (TargetFile target in targets)
        {
            Identity identity = Read(target.Path, target.Name);
            var best = built.Select(b => (b.Binary, Score: Score(b.Identity, identity, targets.Count == 1 && built.Length == 1)))
                .Where(b => b.Score > 0).OrderByDescending(b => b.Score).FirstOrDefault();
            if (best.Binary is not null && taken.Add(best.Binary.Name)) pairs.Add((best.Binary, target));
        }
        if (pairs.Count > 0) return pairs;
        throw new PatchException(PatchErrorId.NotPatchable, $"{string.Join(", ", targets.Select(t => t.Name).Take(3))} is none of what the "
            + $"build makes: {string.Join(", ", binaries.Select(b => b.Name).Take(20))}.");
    }

    private static int Score(Identity built, Identity target, bool isOnly)
    {
        if (built.BuildId != "" && built.BuildId == target.BuildId) return SameBuild;
        if (built.IsLibrary != target.IsLibrary) return 0;
        if (built.SoName != "" || target.SoName != "") return built.SoName == target.SoName ? SameSoName : 0;
        return built.FileName == target.FileName ? SameName : isOnly ? SameKind : 0;
    }

    private static Identity Read(string path, string name)
    {
        using ElfImage image = ElfImage.OpenFile(path, name);
        return new Identity(image.BuildId, image.SoName, Path.GetFileName(name), image.Type == ElfType.Dyn && image.Interpreter == "");
    }
}
