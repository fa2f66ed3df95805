using Pannus.Authoring.Objects;

namespace Pannus.Authoring;

/// <summary>Gathers findings, each once, and says where in the source they are.</summary>
internal sealed class FindingBag(IBuildComparison? source)
{
    private readonly List<PatchFinding> _all = [];
    private readonly HashSet<(PatchFindingKind, string, string)> _seen = [];

    public bool HasRefusal => _all.Any(f => f.Severity == PatchFindingSeverity.Refusal);

    /// <summary>All findings, refusals first, and of each severity in the order in which they were found.</summary>
    public IReadOnlyList<PatchFinding> All => [.. _all.OrderBy(f => f.Severity)];

    public void Add(PatchFinding finding)
    {
        if (_seen.Add((finding.Kind, finding.Symbol, finding.Message))) _all.Add(finding);
    }

    /// <summary>Adds a finding about an atom, which the message begins with.</summary>
    public void Add(PatchFindingKind kind, Atom atom, string message, PatchFindingSeverity severity =
        PatchFindingSeverity.Refusal)
    {
        SourcePlace? place = atom.Name.Length > 0 ? source?.Locate(atom.Object.Path, atom.Name) : null;
        string what = atom.Name.Length > 0 ? atom.Name : $"{atom.Section?.Name} of {atom.Object.Name}";
        string where = place is not null ? $" ({place.File}:{place.Line})" : $" ({atom.Object.Name})";
        Add(new PatchFinding(kind, severity, $"{what}{where}: {message}.")
        {
            Symbol = atom.Name, File = place?.File ?? atom.Object.SourceName, Line = place?.Line ?? 0,
        });
    }
}
