namespace Pannus.Authoring.Types;

/// <summary>
/// Finds named constants that the new code no longer takes as constants. What the program has computed with one (hashes,
/// checksums, keys) does not agree with what it computes with a value that is only known while it runs.
/// </summary>
internal static class ConstantFindings
{
    private const int LeastWord = 4;

    public static IEnumerable<PatchFinding> Find(ObjectTypes was, ObjectTypes now, IReadOnlySet<string> replaced)
    {
        foreach (VariableShape constant in was.Variables.Values)
        {
            if (!constant.IsConstant || constant.Value is null || constant.Name.Contains("()::", StringComparison.Ordinal)) continue;
            if (now.Variables.TryGetValue(constant.Name, out VariableShape? same) && same.IsConstant) continue;
            VariableShape? instead = now.Variables.Values.FirstOrDefault(v => !v.IsConstant && v.HasPlace && v.Value is null
                && v.Storage == constant.Storage && !(was.Variables.TryGetValue(v.Name, out VariableShape? old) && !old.IsConstant)
                && IsLike(v.Name, constant.Name));
            if (instead is null || replaced.Count == 0) continue;
            yield return new PatchFinding(PatchFindingKind.Hook, PatchFindingSeverity.Refusal, $"The constant {constant.Name} "
                + $"({constant.Value}) has become {instead.Name}, which is set while the program runs. What the program has computed with "
                + "the constant and kept, such as hashes, does not agree with it. It takes a hook that puts that right, or that gives "
                + $"{instead.Name} the value of before.")
            {
                Symbol = instead.Name, File = instead.Place?.File ?? "", Line = instead.Place?.Line ?? 0,
            };
        }
    }

    // HASH_SEED and hash_seed, seed and g_seed: a word in common.
    private static bool IsLike(string a, string b) => Words(a).Intersect(Words(b)).Any(w => w.Length >= LeastWord);

    private static IEnumerable<string> Words(string name) => name.ToLowerInvariant().Split('_', '.');
}
