using Pannus.Core;
using Pannus.Elf;
using Pannus.Machines;
using Pannus.Targets;

namespace Pannus.Symbols;

/// <summary>Turns names into addresses of one target.</summary>
public sealed class SymbolResolver
{
    private const int NearNames = 5;

    private readonly TargetProcess _target;
    private readonly ModuleSymbols[] _modules;
    private readonly Dictionary<ModuleSymbols, Dictionary<string, ResolvedSymbol[]>> _candidates = [];

    /// <summary>
    /// Creates a resolver. Errors: those of the files that <paramref name="options"/> names, when they are first needed.
    /// </summary>
    public SymbolResolver(TargetProcess target, ResolverOptions? options = null)
    {
        _target = target;
        _modules = [.. target.Modules.Select(m => new ModuleSymbols(target, m, options ?? new ResolverOptions()))];
    }

    /// <summary>
    /// Finds the one symbol that a name means: of the first module that has it, a global before a local one, the default
    /// version before others. Errors: <see cref="PatchErrorId.SymbolNotFound"/>, <see cref="PatchErrorId.SymbolAmbiguous"/>,
    /// <see cref="PatchErrorId.CommandInvalid"/>.
    /// </summary>
    public ResolvedSymbol Resolve(string name) => ResolveMany([name])[0];

    /// <summary>As <see cref="Resolve"/>, for many names with one pass over each symbol table.</summary>
    public IReadOnlyList<ResolvedSymbol> ResolveMany(IReadOnlyList<string> names)
    {
        SymbolName[] parsed = [.. names.Select(SymbolName.Parse)];
        var found = new ResolvedSymbol?[parsed.Length];
        foreach (ModuleSymbols module in _modules)
        {
            int[] open = [.. Enumerable.Range(0, parsed.Length).Where(i => found[i] is null && IsOf(module.Module, parsed[i].Module))];
            if (open.Length == 0) continue;
            Dictionary<string, ResolvedSymbol[]> candidates = Candidates(module, open.Select(i => parsed[i].Name));
            foreach (int i in open) found[i] = Choose(parsed[i], candidates[parsed[i].Name]);
        }
        return [.. found.Select((s, i) => AtOffset(s ?? throw NotFound(parsed[i]), parsed[i].Offset))];
    }

    /// <summary>
    /// Looks many names up with one pass over each symbol table, for <see cref="Resolve"/> to find them one by one. Names
    /// that are wrong or not there are left to it.
    /// </summary>
    public void Prefetch(IReadOnlyList<string> names)
    {
        List<SymbolName> parsed = [];
        foreach (string name in names)
        {
            try
            {
                parsed.Add(SymbolName.Parse(name));
            }
            catch (PatchException)
            {
                // Resolve says what is wrong with it.
            }
        }
        foreach (ModuleSymbols module in _modules)
            _ = Candidates(module, parsed.Where(n => IsOf(module.Module, n.Module)).Select(n => n.Name));
    }

    /// <summary>All symbols whose name matches a wildcard (<c>*</c>, <c>?</c>), which may be qualified by a module.</summary>
    public IEnumerable<ResolvedSymbol> Find(string wildcard)
    {
        int bang = wildcard.IndexOf('!');
        string moduleName = bang < 0 ? "" : wildcard[..bang], pattern = wildcard[(bang + 1)..];
        bool Matches(string name) => System.IO.Enumeration.FileSystemName.MatchesSimpleExpression(pattern, name, ignoreCase: false);
        foreach (ModuleSymbols module in _modules)
        {
            if (!IsOf(module.Module, moduleName)) continue;
            foreach (ResolvedSymbol symbol in module.Find(Matches).OrderBy(s => s.Address)) yield return symbol;
        }
    }

    /// <summary>
    /// What the dynamic linker would bind an undefined symbol to (gABI, "Shared Object Dependencies"); where it would find
    /// nothing, the one hidden or local symbol of that name. Null when there is none. Error:
    /// <see cref="PatchErrorId.SymbolAmbiguous"/>.
    /// </summary>
    internal ResolvedSymbol? ResolveUndefined(string name, string version, bool withLocals)
    {
        foreach (ModuleSymbols module in _modules)
        {
            if (!IsProgram(module.Module)) continue;
            ResolvedSymbol? best = null;
            foreach (ResolvedSymbol s in module.FindExported(name))
            {
                if (version.Length > 0 && s.Version.Length > 0 && s.Version != version) continue;
                if (best is null || (s.Version == version && best.Version != version) || (!best.IsDefaultVersion && s.IsDefaultVersion)) best = s;
            }
            if (best is not null) return best;
        }
        if (!withLocals) return null;
        var parsed = new SymbolName(name, "", "", name, "", 0);
        foreach (ModuleSymbols module in _modules)
            if (IsProgram(module.Module) && Choose(parsed, module.Find([name])) is { } hidden) return hidden;
        return null;
    }

    /// <summary>
    /// The function that the target's own GOT holds for an IFUNC; null when nothing refers to it, or it isn't bound yet.
    /// </summary>
    internal ulong? TryGetBoundAddress(ResolvedSymbol function)
    {
        TargetModule? home = _target.ModuleAt(function.Address);
        if (home is null) return null;
        TargetArchitecture architecture = _target.Architecture;
        foreach (TargetModule module in _target.Modules)
        {
            ElfSymbolTable symbols = module.Image.DynamicSymbols;
            foreach (ElfRelocation r in module.Image.Relocations)
            {
                bool isBinding = architecture.RuleOf(r.Type).Kind switch
                {
                    RelocationKind.Symbol => r.SymbolIndex < symbols.Count && symbols[(int)r.SymbolIndex].Name == function.Name,
                    RelocationKind.Indirect => module.LoadBias + AddendOf(r, module) == function.Address,
                    _ => false,
                };
                if (!isBinding || architecture.Word.TryRead(_target.Memory, module.LoadBias + r.Offset) is not { } address) continue;
                // A slot that is not bound yet leads into the PLT of the module that it is in.
                bool isPlt = home == module && r.Type == architecture.JumpSlot;
                if (address >= home.Start && address < home.End && address != function.Address && !isPlt) return address;
            }
        }
        return null;
    }

    // REL keeps the addend in the place itself: as the file has it, as the dynamic linker has overwritten that in memory.
    private static ulong AddendOf(in ElfRelocation r, TargetModule module)
    {
        if (r.Addend is { } addend) return (ulong)addend;
        Span<byte> place = stackalloc byte[module.Image.Word.Size];
        return module.Image.TryReadVirtual(r.Offset, place) ? module.Image.Word.Read(place) : 0;
    }

    /// <summary>
    /// The function that an IFUNC symbol stands for in this target; other symbols as they are. Error:
    /// <see cref="PatchErrorId.SymbolNotFound"/> when the target has not bound it.
    /// </summary>
    internal ResolvedSymbol ToBound(ResolvedSymbol symbol)
    {
        if (symbol.Type != SymbolType.IndirectFunction) return symbol;
        ulong bound = TryGetBoundAddress(symbol) ?? throw new PatchException(PatchErrorId.SymbolNotFound,
            $"{symbol.Name} of {symbol.Module} is an IFUNC, of which nothing in {_target.DisplayName} has bound a version yet: there is "
            + "no function to patch. Name the implementation itself.");
        return symbol with { Address = bound, Type = SymbolType.Function, Size = SymbolAt.SizeOf(_target, bound) };
    }

    private Dictionary<string, ResolvedSymbol[]> Candidates(ModuleSymbols module, IEnumerable<string> names)
    {
        if (!_candidates.TryGetValue(module, out Dictionary<string, ResolvedSymbol[]>? known))
            _candidates[module] = known = new Dictionary<string, ResolvedSymbol[]>(StringComparer.Ordinal);
        HashSet<string> unknown = [.. names.Where(n => !known.ContainsKey(n))];
        if (unknown.Count == 0) return known;
        ILookup<string, ResolvedSymbol> found = module.Find(unknown).ToLookup(s => s.Name, StringComparer.Ordinal);
        foreach (string name in unknown) known[name] = [.. found[name]];
        return known;
    }

    private static bool IsOf(TargetModule module, string name) => name.Length == 0
        || module.Name == name || Path.GetFileName(module.Path) == name;

    // The dynamic linker does not search the vdso.
    private static bool IsProgram(TargetModule module) => module.Path != "[vdso]";

    private static ResolvedSymbol? Choose(SymbolName name, IEnumerable<ResolvedSymbol> candidates)
    {
        ResolvedSymbol[] fitting = [.. candidates.Where(s => (name.File.Length == 0 || s.File == name.File)
            && (name.Version.Length == 0 || s.Version == name.Version))];
        if (fitting.Length == 0) return null;
        ResolvedSymbol[] best = [.. fitting.Where(s => !s.IsLocal)];
        if (best.Length == 0) best = fitting;
        if (name.Version.Length == 0 && best.Any(s => s.IsDefaultVersion)) best = [.. best.Where(s => s.IsDefaultVersion)];
        if (best.DistinctBy(s => s.Address).Count() == 1) return best[0];
        string list = string.Join(", ", best.DistinctBy(s => s.Address).Select(Qualified).Take(10));
        throw new PatchException(PatchErrorId.SymbolAmbiguous, $"{name.Text} means more than one symbol: {list}. Name one of them so.");
    }

    private static string Qualified(ResolvedSymbol s)
    {
        string version = s.Version.Length > 0 ? "@" + s.Version : "";
        return s.File.Length > 0 ? $"{s.File}:{s.Name} (0x{s.Address:x})" : $"{s.Module}!{s.Name}{version} (0x{s.Address:x})";
    }

    private static ResolvedSymbol AtOffset(ResolvedSymbol symbol, ulong offset)
    {
        if (offset == 0) return symbol;
        if (symbol.Size > 0 && offset >= symbol.Size)
        {
            throw new PatchException(PatchErrorId.SymbolSizeMismatch,
                $"{symbol.Name}+0x{offset:x} lies behind the end of {symbol.Name}, which has {symbol.Size} bytes.");
        }
        return symbol with
        {
            Name = $"{symbol.Name}+0x{offset:x}", Address = symbol.Address + offset, Size = symbol.Size > 0 ? symbol.Size - offset : 0,
        };
    }

    private PatchException NotFound(SymbolName name)
    {
        if (name.Module.Length > 0 && !_modules.Any(m => IsOf(m.Module, name.Module)))
        {
            return new PatchException(PatchErrorId.SymbolNotFound, $"{name.Text}: {_target.DisplayName} has no module {name.Module}. "
                + $"It has {string.Join(", ", _target.Modules.Select(m => m.Name).Take(12))}.");
        }
        string[] near = [.. _modules.Where(m => IsOf(m.Module, name.Module)).SelectMany(m => m.Find(n => IsNear(n, name.Name)))
            .Select(s => s.Name).Distinct().Order(StringComparer.Ordinal).Take(NearNames)];
        string hint = near.Length > 0 ? $" Near names: {string.Join(", ", near)}." : "";
        bool isStripped = !_target.Executable.Image.HasSymbolTable;
        string how = isStripped ? " The program is stripped: give -SymbolFile or -MapFile for its local symbols." : "";
        return new PatchException(PatchErrorId.SymbolNotFound, $"{_target.DisplayName} has no symbol {name.Text}.{hint}{how}");
    }

    private static bool IsNear(string name, string wanted) => name.Equals(wanted, StringComparison.OrdinalIgnoreCase)
        || name.StartsWith(wanted + ".", StringComparison.Ordinal) || EditDistance.IsAtMostOne(name, wanted);
}
