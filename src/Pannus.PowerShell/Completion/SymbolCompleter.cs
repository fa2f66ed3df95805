using System.Management.Automation;
using Pannus.Applying;
using Pannus.Images;
using Pannus.Symbols;
using Pannus.Targets;

namespace Pannus.PowerShell;

/// <summary>Offers symbols of the target, or of the mounted patch, that is on the command line; of one module after its name.</summary>
public sealed class SymbolCompleter : TargetCompleter
{
    // More than a person reads through; a large program has a million.
    private const int MostOffers = 200;

    /// <inheritdoc/>
    private protected override IEnumerable<CompletionResult> Next(string word, TypedLine line)
    {
        if (line.Target is not { } target) return [];
        using TargetProcess process = target.Open();
        int bang = word.IndexOf('!');
        string module = word[..(bang + 1)];
        IEnumerable<ResolvedSymbol> symbols = target.Source is PatchModule patch ? PatchLoader.Find(process, patch, word + "*")
            : new SymbolResolver(process, new ResolverOptions()).Begin(module.TrimEnd('!'), word[(bang + 1)..], MostOffers);
        return [.. symbols.DistinctBy(s => s.Name).Take(MostOffers).OrderBy(s => s.Name, StringComparer.Ordinal)
            .Select(s => Offer(module + s.Name, s.Name, $"{s.Type} {s.Module}!{s.Name} at {DisplayText.Hex(s.Address)}, {s.Size} bytes"))];
    }
}
