namespace Pannus.Authoring.Writing;

/// <summary>
/// Names of a patch's global symbols. A function that is replaced keeps its name; what the patch reaches in the target
/// has another one where that is taken.
/// </summary>
internal sealed class PatchNames
{
    private const string OutsideSuffix = ".target";

    private readonly HashSet<string> _taken = new(StringComparer.Ordinal);

    public string Claim(string name)
    {
        string unique = name;
        for (int i = 2; !_taken.Add(unique); i++) unique = $"{name}${i}";
        return unique;
    }

    public string ClaimOutside(string name) => Claim(_taken.Contains(name) ? name + OutsideSuffix : name);
}
