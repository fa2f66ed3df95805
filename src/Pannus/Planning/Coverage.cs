using Pannus.Core;
using Pannus.Symbols;
using Pannus.Targets;

namespace Pannus.Planning;

/// <summary>
/// Whether a patch reaches all code that was made of the functions it replaces. Clones that are called as the function itself
/// is are replaced with it; what stays old is named.
/// </summary>
internal sealed class Coverage(TargetProcess target, ResolverOptions options)
{
    /// <summary>What is said when nothing stays old and debug information shows it.</summary>
    public const string Whole = "whole";

    private const int MostNamed = 8;

    private readonly FunctionCopies _copies = new(target, options);
    private readonly CodeReferences _references = new(target);

    /// <summary>A function that is replaced.</summary>
    /// <param name="Function">The function.</param>
    /// <param name="Copies">Its copies.</param>
    /// <param name="Source">What tells of them.</param>
    /// <param name="Shared">Other functions with the same code.</param>
    internal sealed record Replaced(ResolvedSymbol Function, IReadOnlyList<FunctionCopy> Copies, CopySource Source, IReadOnlyList<string> Shared)
    {
        /// <summary>The clones that are replaced with it.</summary>
        public IEnumerable<ResolvedSymbol> Clones => Copies.Where(c => !c.IsInlined && c.HasSameCall)
            .Select(c => Function with { Name = c.Name, Address = c.Address, Size = c.Size });
    }

    /// <summary>Looks at a function that a command replaces.</summary>
    public Replaced Of(ResolvedSymbol function)
    {
        if (target.ModuleAt(function.Address) is not { } module) return new Replaced(function, [], CopySource.Nothing, []);
        (IReadOnlyList<FunctionCopy> copies, CopySource source) = _copies.Of(module, function);
        return new Replaced(function, copies, source, _copies.SharedWith(module, function));
    }

    /// <summary>
    /// One line for people: <see cref="Whole"/>, or what is not known, or what stays old. <paramref name="replaced"/> are the
    /// entries of all functions that the patch replaces.
    /// </summary>
    public string Describe(Replaced one, IReadOnlySet<ulong> replaced, out bool isPartial)
    {
        string[] old = [.. StaysOld(one, replaced)];
        isPartial = old.Length > 0 || one.Shared.Count > 0;
        List<string> parts = [];
        if (old.Length > 0)
        {
            string more = old.Length > MostNamed ? $" and {old.Length - MostNamed} more" : "";
            parts.Add($"stays old: {string.Join(", ", old.Take(MostNamed))}{more}");
        }
        if (one.Shared.Count > 0) parts.Add($"changes {string.Join(", ", one.Shared)} as well, which has the same code");
        if (one.Source == CopySource.Symbols) parts.Add("copies that were inlined are not known without debug information");
        if (one.Source == CopySource.Nothing) parts.Add("clones and copies that were inlined are not known, as the module is stripped");
        return parts.Count == 0 ? Whole : string.Join("; ", parts);
    }

    private IEnumerable<string> StaysOld(Replaced one, IReadOnlySet<ulong> replaced)
    {
        foreach (FunctionCopy clone in one.Copies.Where(c => !c.IsInlined && !replaced.Contains(c.Address)))
        {
            if (!IsPart(clone.Name)) yield return clone.Name;
            else if (FindCaller(one, clone, replaced) is { } caller) yield return $"{clone.Name} (called from {caller})";
        }
        foreach (IGrouping<ulong, FunctionCopy> inlined in one.Copies.Where(c => c.IsInlined && !replaced.Contains(c.Owner)).GroupBy(c => c.Owner))
        {
            int places = inlined.Count();
            yield return $"{inlined.First().Name} (has it inlined{(places > 1 ? $" {places} times" : "")})";
        }
    }

    // What was split off a function and is called by it alone has gone with it.
    private string? FindCaller(Replaced one, FunctionCopy part, IReadOnlySet<ulong> replaced)
    {
        AddressRange[] inside = [new(one.Function.Address, one.Function.Size), .. one.Copies.Where(c => !c.IsInlined && (IsPart(c.Name) || replaced.Contains(c.Address)))
            .Select(c => new AddressRange(c.Address, c.Size))];
        return _references.To(part.Address).Where(from => !inside.Any(r => r.Contains(from))).Select(from => SymbolAt.Describe(target, from)).FirstOrDefault();
    }

    private static bool IsPart(string name) => name.Contains(".part.", StringComparison.Ordinal);
}
