using System.Management.Automation;
using Pannus.Applying;
using Pannus.Images;
using Pannus.Symbols;
using Pannus.Targets;

namespace Pannus.PowerShell;

/// <summary>Offers symbols of the target, or of the mounted patch, that is on the command line.</summary>
public sealed class SymbolCompleter : Completer
{
    // More than a person reads through; a large program has a million.
    private const int MostOffers = 200;

    /// <inheritdoc/>
    protected override IEnumerable<CompletionResult> Complete(string word, PatchTargetReference? target)
    {
        if (target is null) return [];
        using TargetProcess process = target.Open();
        string pattern = word + "*";
        IEnumerable<ResolvedSymbol> symbols = target.Source is PatchModule patch
            ? PatchLoader.Find(process, patch, pattern)
            : new SymbolResolver(process, new ResolverOptions()).Find(pattern);
        return [.. symbols.DistinctBy(s => s.Name).Take(MostOffers).OrderBy(s => s.Name, StringComparer.Ordinal)
            .Select(s => Offer(s.Name, s.Name, $"{s.Type} {s.Module}!{s.Name} at {DisplayText.Hex(s.Address)}, {s.Size} bytes"))];
    }
}
