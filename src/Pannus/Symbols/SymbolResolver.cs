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
        options ??= new ResolverOptions();
        foreach (ModuleFile file in options.MapFiles.Concat(options.SymbolFiles))
            if (Eligible(SymbolName.ModuleOnly(file.Module)).Count == 0) throw NotFound(SymbolName.ModuleOnly(file.Module));
        _modules = [.. target.Modules.Select(m => new ModuleSymbols(target, m, options))];
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
        var found = new (ResolvedSymbol Symbol, TargetModule Module)?[parsed.Length];
        HashSet<TargetModule>[] eligible = [.. parsed.Select(n => Eligible(n).ToHashSet())];
        foreach (ModuleSymbols module in _modules)
        {
            int[] open = [.. Enumerable.Range(0, parsed.Length).Where(i => !parsed[i].IsAddress && eligible[i].Contains(module.Module)
                && (found[i] is not { } known || ModuleName.AreTwins(known.Module, module.Module)))];
            if (open.Length == 0) continue;
            Dictionary<string, ResolvedSymbol[]> candidates = Candidates(module, open.Select(i => parsed[i].Name));
            foreach (int i in open)
            {
                if (SymbolChoice.Choose(_target, module.Module, parsed[i], candidates[parsed[i].Name]) is not { } symbol) continue;
                if (found[i] is { } twin) throw Twins(parsed[i], twin.Module, module.Module);
                found[i] = (symbol, module.Module);
            }
        }
        return [.. found.Select((s, i) => s is { } f ? AtOffset(f.Symbol, parsed[i].Offset) : AtAddress(parsed[i]))];
    }

    // A patch of one of two modules of a name leaves the other as it is.
    private PatchException Twins(SymbolName name, TargetModule one, TargetModule other)
    {
        string what = name.Text[(name.Text.IndexOf('!') + 1)..];
        return new PatchException(PatchErrorId.SymbolAmbiguous, $"{name.Text} is in more than one module of {_target.DisplayName} that is called "
            + $"{one.Name}: {ModuleName.Unique(_target, one)}!{what} and {ModuleName.Unique(_target, other)}!{what}. Name one of them so, "
            + "or both of them in two commands.");
    }

    private IReadOnlyList<TargetModule> Eligible(SymbolName name) => ModuleName.Find(_target, name.Module, name.ModuleIndex);

    // The address that a name tells, where there is no symbol of that name.
    private ResolvedSymbol AtAddress(SymbolName name)
    {
        SymbolName? address = name.IsAddress ? name : name.AsAddress();
        IReadOnlyList<TargetModule> modules = address is null ? [] : Eligible(address);
        if (modules.Count == 0) throw NotFound(name);
        if (modules.Count > 1) throw Twins(name with { Text = $"{name.Name}!+0x{name.Offset:x}" }, modules[0], modules[1]);
        return _modules.First(m => m.Module == modules[0]).At(address!.Offset);
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
            _ = Candidates(module, parsed.Where(n => !n.IsAddress && Eligible(n).Contains(module.Module)).Select(n => n.Name));
    }

    /// <summary>All symbols whose name matches a wildcard (<c>*</c>, <c>?</c>), which may be qualified by a module.</summary>
    public IEnumerable<ResolvedSymbol> Find(string wildcard)
    {
        int bang = wildcard.IndexOf('!');
        string moduleName = bang < 0 ? "" : wildcard[..bang], pattern = wildcard[(bang + 1)..];
        IReadOnlyList<TargetModule> wanted = Eligible(SymbolName.ModuleOnly(moduleName));
        bool Matches(string name) => System.IO.Enumeration.FileSystemName.MatchesSimpleExpression(pattern, name, ignoreCase: false);
        foreach (ModuleSymbols module in _modules)
        {
            if (!wanted.Contains(module.Module)) continue;
            foreach (ResolvedSymbol symbol in module.Find(Matches).OrderBy(s => s.Address)) yield return symbol;
        }
    }

    /// <summary>Symbols whose names begin with a text, of one module or (with an empty name) of all, and no more than so many.</summary>
    public IEnumerable<ResolvedSymbol> Begin(string moduleName, string text, int most)
    {
        byte[] start = System.Text.Encoding.UTF8.GetBytes(text);
        IReadOnlyList<TargetModule> wanted = Eligible(SymbolName.ModuleOnly(moduleName));
        return _modules.Where(m => wanted.Contains(m.Module)).SelectMany(m => m.Begin(start, most)).Take(most);
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
            if (IsProgram(module.Module) && SymbolChoice.Choose(_target, module.Module, parsed, module.Find([name])) is { } hidden) return hidden;
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

    // The dynamic linker does not search the vdso.
    private static bool IsProgram(TargetModule module) => module.Path != "[vdso]";

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
        IReadOnlyList<TargetModule> modules = Eligible(name);
        if (modules.Count == 0)
        {
            string number = name.ModuleIndex > 0 ? $" number {name.ModuleIndex}" : "";
            return new PatchException(PatchErrorId.SymbolNotFound, $"{name.Text}: {_target.DisplayName} has no module {name.Module}{number}. "
                + $"It has {string.Join(", ", _target.Modules.Select(m => ModuleName.Unique(_target, m)).Take(12))}.");
        }
        string[] near = [.. _modules.Where(m => modules.Contains(m.Module)).SelectMany(m => m.Find(n => IsNear(n, name.Name)))
            .Select(s => s.Name).Distinct().Order(StringComparer.Ordinal).Take(NearNames)];
        string hint = near.Length > 0 ? $" Near names: {string.Join(", ", near)}." : "";
        return new PatchException(PatchErrorId.SymbolNotFound, $"{_target.DisplayName} has no symbol {name.Text}.{hint}{Missing(name, modules)}");
    }

    // A stripped module has no local symbols; which one is meant is not known when the name does not say.
    private string Missing(SymbolName name, IReadOnlyList<TargetModule> modules)
    {
        TargetModule meant = name.Module.Length > 0 ? modules[0] : _target.Executable;
        if (_modules.First(m => m.Module == meant).HasLocals) return "";
        string file = meant.IsExecutable ? "" : $" {meant.Name}=FILE";
        return $" {(meant.IsExecutable ? "The program" : meant.Name)} is stripped: give -SymbolFile{file} or -MapFile{file} for its local symbols, "
            + $"install its debug symbols, or name an address, {meant.Name}+0x1234.";
    }

    private static bool IsNear(string name, string wanted) => name.Equals(wanted, StringComparison.OrdinalIgnoreCase)
        || name.StartsWith(wanted + ".", StringComparison.Ordinal) || EditDistance.IsAtMostOne(name, wanted);
}
