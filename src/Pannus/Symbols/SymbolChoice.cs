using Pannus.Core;
using Pannus.Targets;

namespace Pannus.Symbols;

/// <summary>Picks the one symbol that a name means among those that bear it in a module.</summary>
internal static class SymbolChoice
{
    private const int MostListed = 10;

    /// <summary>
    /// A global one before local ones, the default version before others; null when none fits. Error:
    /// <see cref="PatchErrorId.SymbolAmbiguous"/>, with names that each mean one of them.
    /// </summary>
    public static ResolvedSymbol? Choose(TargetProcess target, TargetModule module, SymbolName name, IEnumerable<ResolvedSymbol> candidates)
    {
        ResolvedSymbol[] best = Fitting(name, candidates);
        if (name.Index > 0) return name.Index <= best.Length ? best[name.Index - 1] : null;
        if (best.Length <= 1) return best.FirstOrDefault();
        string list = string.Join(", ", Forms(target, module, name, best).Take(MostListed));
        throw new PatchException(PatchErrorId.SymbolAmbiguous, $"{name.Text} means {best.Length} symbols: {list}. Name one of them so.");
    }

    /// <summary>A name for each candidate of an ambiguous name that means it alone, with its address.</summary>
    public static IEnumerable<string> Forms(TargetProcess target, TargetModule module, SymbolName name, IReadOnlyList<ResolvedSymbol> candidates)
    {
        for (int i = 0; i < candidates.Count; i++)
            yield return $"{Form(name, candidates, i)} (0x{candidates[i].Address:x}, {ModuleName.Unique(target, module)}+0x{candidates[i].Address - module.LoadBias:x})";
    }

    /// <summary>The candidates that a name leaves, each address once, in the order of addresses.</summary>
    public static ResolvedSymbol[] Fitting(SymbolName name, IEnumerable<ResolvedSymbol> candidates)
    {
        ResolvedSymbol[] fitting = [.. candidates.Where(s => (name.File.Length == 0 || s.File == name.File)
            && (name.Version.Length == 0 || s.Version == name.Version))];
        ResolvedSymbol[] best = [.. fitting.Where(s => !s.IsLocal)];
        if (best.Length == 0) best = fitting;
        if (name.Version.Length == 0 && best.Any(s => s.IsDefaultVersion)) best = [.. best.Where(s => s.IsDefaultVersion)];
        return [.. best.DistinctBy(s => s.Address).OrderBy(s => s.Address)];
    }

    // By version or source file where that tells it from the others, else by number.
    private static string Form(SymbolName name, IReadOnlyList<ResolvedSymbol> candidates, int i)
    {
        ResolvedSymbol s = candidates[i];
        string module = name.Module.Length == 0 ? "" : name.ModuleIndex > 0 ? $"{name.Module}~{name.ModuleIndex}!" : name.Module + "!";
        string offset = name.Offset > 0 ? $"+0x{name.Offset:x}" : "", file = name.File.Length > 0 ? name.File + ":" : "";
        string version = name.Version.Length > 0 ? "@" + name.Version : "";
        if (s.Version.Length > 0 && candidates.Count(c => c.Version == s.Version) == 1) return $"{module}{s.Name}@{s.Version}{offset}";
        if (s.File.Length > 0 && candidates.Count(c => c.File == s.File) == 1) return $"{module}{s.File}:{s.Name}{version}{offset}";
        return $"{module}{file}{s.Name}~{i + 1}{version}{offset}";
    }
}
