using Pannus.Core;
using Pannus.Symbols;
using Pannus.Targets;

namespace Pannus.Images;

/// <summary>
/// What the names in a patch mean: its own definitions first, so that a new function never collides with an old one; then
/// the originals of the functions that it replaces; then the aliases of its command file; then what the dynamic linker would find; then the target's hidden and local symbols.
/// </summary>
internal sealed class PatchSymbols(TargetProcess target, SymbolResolver resolver, IReadOnlyDictionary<string, string> aliases)
{
    private readonly Dictionary<(string, string), SymbolTarget?> _found = [];

    /// <summary>Where in the patch the original of a function that it replaces can be called; null for other names.</summary>
    public Func<string, ulong?> OffsetOfOriginal { get; init; } = _ => null;

    /// <summary>
    /// Finds a symbol; null for a weak one that is not there. Errors: <see cref="PatchErrorId.SymbolNotFound"/>,
    /// <see cref="PatchErrorId.SymbolAmbiguous"/>, <see cref="PatchErrorId.RelocationUnsupported"/>.
    /// </summary>
    public SymbolTarget? Find(ImageSymbol symbol, PatchImage image, ulong address)
    {
        if (symbol.IsDefined)
            return new SymbolTarget(symbol.IsAbsolute ? symbol.Value : address + symbol.Value, symbol.Size);
        if (OffsetOfOriginal(symbol.Name) is { } original) return new SymbolTarget(address + original);
        if (_found.TryGetValue((symbol.Name, symbol.Version), out SymbolTarget? known)) return known;
        SymbolTarget? found = Look(symbol, image);
        _found.Add((symbol.Name, symbol.Version), found);
        return found;
    }

    private SymbolTarget? Look(ImageSymbol symbol, PatchImage image)
    {
        ResolvedSymbol? found = aliases.TryGetValue(symbol.Name, out string? alias)
            ? resolver.Resolve(alias)
            : resolver.ResolveUndefined(symbol.Name, symbol.Version, withLocals: !symbol.IsWeak);
        if (found is null)
        {
            if (symbol.IsWeak) return null;
            if (symbol.Name.EndsWith(PatchCommandSet.OriginalSuffix, StringComparison.Ordinal))
            {
                throw new PatchException(PatchErrorId.SymbolNotFound,
                    $"{image.Name} needs {symbol.Name}, the original of a function that it replaces, and there is no J for such a function. "
                    + $"If its name is another, give an alias: alias {symbol.Name} TARGET, with TARGET as in its J.");
            }
            string version = symbol.Version.Length > 0 ? "@" + symbol.Version : "";
            throw new PatchException(PatchErrorId.SymbolNotFound,
                $"{image.Name} needs {symbol.Name}{version}, which {target.DisplayName} does not have. If it is in a library "
                + "that the target has not loaded, link it into the patch; if it goes by another name, give an alias.");
        }
        if (found.Type == SymbolType.ThreadLocal) return ThreadLocal(found, image);
        if (found.Type == SymbolType.IndirectFunction)
        {
            return resolver.TryGetBoundAddress(found) is { } bound
                ? new SymbolTarget(bound, found.Size) : new SymbolTarget(found.Address, found.Size) { IsResolver = true };
        }
        return new SymbolTarget(found.Address, found.Size);
    }

    private SymbolTarget ThreadLocal(ResolvedSymbol symbol, PatchImage image)
    {
        TargetModule module = target.Modules.First(m => m.Name == symbol.Module);
        TlsLayout.Entry layout = TlsLayout.Find(target, module)
            ?? throw new PatchException(PatchErrorId.RelocationUnsupported,
                $"{image.Name} uses the thread-local {symbol.Name} of {module.Name}, and where that lies in each thread cannot be told: "
                + "the C library of the target gives no thread_db description.");
        return new SymbolTarget(0, symbol.Size, layout.ModuleId, symbol.Address,
            layout.ThreadOffset is { } offset ? offset + (long)symbol.Address : null);
    }
}
