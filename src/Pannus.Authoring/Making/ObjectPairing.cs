using Pannus.Core;

namespace Pannus.Authoring.Making;

/// <summary>Pairs the objects of two builds by their names below the folders that each build's objects have in common.</summary>
internal static class ObjectPairing
{
    /// <summary>Pairs files. Error: <see cref="PatchErrorId.PatchFileInvalid"/> when no two belong together.</summary>
    public static IReadOnlyList<ObjectPair> Pair(IReadOnlyList<string> original, IReadOnlyList<string> patched)
    {
        Dictionary<string, string> before = ByName(original), after = ByName(patched);
        if (!before.Keys.Any(after.ContainsKey))
            throw new PatchException(PatchErrorId.PatchFileInvalid, $"None of the {original.Count} objects of before and the {patched.Count} "
                + "patched ones have the same name. Give the same files of two builds, in two folders.");
        return [.. before.Keys.Union(after.Keys).Order(StringComparer.Ordinal)
            .Select(n => new ObjectPair(n, before.GetValueOrDefault(n), after.GetValueOrDefault(n)))];
    }

    private static Dictionary<string, string> ByName(IReadOnlyList<string> paths)
    {
        string[][] parts = [.. paths.Select(p => p.Split('/'))];
        int common = 0;
        while (parts.All(p => common < p.Length - 1) && parts.Select(p => p[common]).Distinct().Count() == 1) common++;
        Dictionary<string, string> names = [];
        for (int i = 0; i < paths.Count; i++) names[string.Join('/', parts[i].Skip(common))] = paths[i];
        return names;
    }
}
