using System.Text;
using Pannus.Core;
using Pannus.Elf;
using Pannus.Targets;

namespace Pannus.Symbols;

/// <summary>
/// The symbols of one module of a target, from the best source there is: map file, then <c>.symtab</c>, then a separate
/// debug file, then <c>.dynsym</c>.
/// </summary>
internal sealed class ModuleSymbols(TargetProcess target, TargetModule module, ResolverOptions options)
{
    private readonly MapFile? _map = FileOf(target, module, options.MapFile, options.MapFiles) is { } path ? MapFile.Read(path) : null;
    private (ElfSymbolTable Table, SymbolSource Source)[]? _tables;
    private BuildCheck? _mapCheck, _fileCheck;
    private ElfImage? _debug;

    public TargetModule Module => module;

    /// <summary>Whether there is a source that names local symbols, too.</summary>
    public bool HasLocals => _map is not null || Tables.Any(t => t.Source is SymbolSource.SymbolTable or SymbolSource.DebugFile);

    /// <summary>The file with the debug information of the module: a separate one, or its own.</summary>
    public ElfImage? DebugImage
    {
        get
        {
            _ = Tables;
            return _debug ?? (module.Image.IsFromMemory ? null : module.Image);
        }
    }

    /// <summary>The symbols that begin, end or lie in a range of the file.</summary>
    public IEnumerable<ResolvedSymbol> At(AddressRange range) => Tables.SelectMany(t => t.Table.Near(range.Start, range.End)
        .Select(i => t.Table[i]).Where(s => !s.IsCommon).Select(s => Resolve(s, "", t.Source)));

    // The file that the user has named for a module; the program's may be named without one.
    private static string? FileOf(TargetProcess target, TargetModule module, string? program, IReadOnlyList<ModuleFile> files) =>
        files.FirstOrDefault(f => SymbolName.ModuleOnly(f.Module) is var name
            && ModuleName.Find(target, name.Module, name.ModuleIndex).Contains(module))?.Path ?? (module.IsExecutable ? program : null);

    /// <summary>
    /// What begins at an address of the file: the symbol there, else a function of the size that the unwind tables tell. Error:
    /// <see cref="PatchErrorId.SymbolNotFound"/> where nothing of the module is, or the middle of a function.
    /// </summary>
    public ResolvedSymbol At(ulong value)
    {
        ulong address = module.LoadBias + value;
        string place = $"{ModuleName.Unique(target, module)}+0x{value:x}";
        if (!module.Holds(address, 1))
        {
            throw new PatchException(PatchErrorId.SymbolNotFound, $"{place}: no segment of {module.Path} has that address. Addresses are those "
                + $"that nm and objdump show, 0x{module.Start - module.LoadBias:x} to 0x{module.End - module.LoadBias:x}.");
        }
        foreach ((ElfSymbolTable table, SymbolSource source) in Tables)
        {
            ElfSymbol[] here = [.. table.Near(value, value + 1).Select(i => table[i]).Where(s => s.Value == value && s.Size > 0)];
            if (here.Length > 0) return Resolve(here.FirstOrDefault(s => !s.IsLocal, here[0]), "", source);
        }
        bool isCode = target.Map.Find(address) is { } region && region.Access.HasFlag(MemoryAccess.Execute);
        ulong size = 0;
        if (isCode && FunctionBounds.Find(target, module, value) is { } function)
        {
            if (function.Start != value)
            {
                throw new PatchException(PatchErrorId.SymbolNotFound, $"{place} is in the middle of a function, which begins at "
                    + $"0x{function.Start:x}.");
            }
            size = function.Length;
        }
        return new ResolvedSymbol
        {
            Id = target.Id, StartTicks = target.StartTicks, Name = place, Address = address, Size = size, IsLocal = true, Module = module.Name,
            Type = isCode ? SymbolType.Function : SymbolType.None, Source = SymbolSource.UnwindTable,
        };
    }

    /// <summary>All symbols of the given names, each with its address in the target.</summary>
    public IReadOnlyList<ResolvedSymbol> Find(IReadOnlyCollection<string> names)
    {
        string[] wanted = [.. names.Distinct(StringComparer.Ordinal)];
        List<ResolvedSymbol> found = Collect(table => table.Find(wanted), wanted);
        foreach (ResolvedSymbol symbol in found)
        {
            BuildCheck? check = symbol.Source == SymbolSource.MapFile ? _mapCheck : symbol.Source == SymbolSource.DebugFile ? _fileCheck : null;
            bool mayBeCode = symbol.Type is SymbolType.Function or SymbolType.None;
            if (check is { IsInDoubt: true } && mayBeCode) check.CheckName(symbol.Name, symbol.Address - module.LoadBias, symbol.Size);
        }
        return found;
    }

    /// <summary>The symbols of a name that the dynamic linker sees; of a static program, all that are global.</summary>
    public IEnumerable<ResolvedSymbol> FindExported(string name)
    {
        ElfSymbolTable table = module.Image.DynamicSymbols.Count > 0 ? module.Image.DynamicSymbols : module.Image.SymbolTable;
        foreach ((ElfSymbol s, _) in table.Find([name]))
        {
            if (s.IsDefined && s.IsEntity && !s.IsLocal && !s.IsHidden && !s.IsCommon)
                yield return Resolve(s, "", SymbolSource.DynamicSymbolTable);
        }
    }

    /// <summary>All symbols whose name a predicate accepts.</summary>
    public IReadOnlyList<ResolvedSymbol> Find(Func<string, bool> isWanted) =>
        Collect(table => table.Find(name => isWanted(Encoding.UTF8.GetString(name))), _map?.Names.Where(isWanted) ?? []);

    /// <summary>As the other, by the bytes of a name, which costs less; a map file is left out.</summary>
    public IReadOnlyList<ResolvedSymbol> Find(Utf8NamePredicate isWanted) => Collect(table => table.Find(isWanted), []);

    /// <summary>Symbols whose names begin with these bytes: the first that are found, and no more than so many of a table.</summary>
    public IReadOnlyList<ResolvedSymbol> Begin(byte[] start, int most) => Collect(table => table.Find(name => name.StartsWith(start), most), []);

    private List<ResolvedSymbol> Collect(Func<ElfSymbolTable, List<(ElfSymbol, string)>> search, IEnumerable<string> names)
    {
        List<ResolvedSymbol> found = [];
        HashSet<(string, ulong)> seen = [];
        foreach ((ElfSymbolTable table, SymbolSource source) in Tables)
        {
            foreach ((ElfSymbol symbol, string file) in search(table))
            {
                if (!symbol.IsDefined || !symbol.IsEntity || symbol.IsCommon) continue;
                ResolvedSymbol resolved = Resolve(symbol, file, source);
                if (seen.Add((resolved.Name + "@" + resolved.Version, resolved.Address))) found.Add(resolved);
            }
        }
        if (_map is not null) AddFromMap(found, names);
        return found;
    }

    private (ElfSymbolTable Table, SymbolSource Source)[] Tables => _tables ??= OpenTables();

    private (ElfSymbolTable, SymbolSource)[] OpenTables()
    {
        ElfSymbolTable dynamic = module.Image.DynamicSymbols;
        (ElfSymbolTable, SymbolSource) exported = (dynamic, SymbolSource.DynamicSymbolTable);
        if (FileOf(target, module, options.SymbolFile, options.SymbolFiles) is { } path)
        {
            _fileCheck = new BuildCheck(target, module, path);
            _debug = DebugFile.Open(target, path, _fileCheck);
            return [(_debug.SymbolTable, SymbolSource.DebugFile), exported];
        }
        if (module.Image.HasSymbolTable) return [(module.Image.SymbolTable, SymbolSource.SymbolTable), exported];
        return (_debug = DebugFile.Find(target, module)) is not null
            ? [(_debug.SymbolTable, SymbolSource.DebugFile), exported] : [exported];
    }

    // The map file has the say on addresses; sizes and kinds come from the tables where they know the name too. Where the two
    // contradict each other the map file is of another build, and everything in it would lead astray.
    private void AddFromMap(List<ResolvedSymbol> found, IEnumerable<string> names)
    {
        foreach (string name in names)
        {
            if (_map!.Find(name) is not { } linked) continue;
            ulong address = module.LoadBias + linked;
            List<int> same = [.. Enumerable.Range(0, found.Count).Where(i => found[i].Name == name)];
            int match = same.FindIndex(i => found[i].Address == address);
            if (match >= 0)
            {
                found[same[match]] = found[same[match]] with { Source = SymbolSource.MapFile };
                continue;
            }
            if (same.FirstOrDefault(i => !found[i].IsLocal && found[i].Type != SymbolType.ThreadLocal, -1) is >= 0 and var other)
            {
                throw new PatchException(PatchErrorId.BuildIdMismatch,
                    $"{_map.Path} has {name} at 0x{linked:x}, and the program itself at 0x{found[other].Address - module.LoadBias:x}: "
                    + $"the map file is of another build than {target.DisplayName}.");
            }
            found.Add(new ResolvedSymbol
            {
                Id = target.Id, StartTicks = target.StartTicks, Name = name, Address = address, Size = 0, Type = SymbolType.None,
                IsLocal = false, Module = module.Name, Source = SymbolSource.MapFile,
            });
        }
        if (_mapCheck is not null) return;
        var check = new BuildCheck(target, module, _map!.Path);
        check.Check(_map);
        _mapCheck = check;
    }

    private ResolvedSymbol Resolve(in ElfSymbol symbol, string file, SymbolSource source)
    {
        string name = symbol.Name, version = symbol.Version;
        bool isDefault = symbol.IsDefaultVersion;
        // A linker writes versions into the names of .symtab: foo@V1, and foo@@V2 for the default.
        int at = version.Length == 0 ? name.IndexOf('@') : -1;
        if (at > 0) (name, version, isDefault) = (name[..at], name[at..].TrimStart('@'), name.AsSpan(at).StartsWith("@@"));
        return new ResolvedSymbol
        {
            Id = target.Id,
            StartTicks = target.StartTicks,
            Name = name,
            Address = symbol.IsAbsolute || symbol.IsThreadLocal ? symbol.Value : module.LoadBias + symbol.Value,
            Size = symbol.Size,
            Type = symbol.Type switch
            {
                ElfSymbolType.Object => SymbolType.Object,
                ElfSymbolType.Function => SymbolType.Function,
                ElfSymbolType.ThreadLocal => SymbolType.ThreadLocal,
                ElfSymbolType.IndirectFunction => SymbolType.IndirectFunction,
                _ => SymbolType.None,
            },
            IsLocal = symbol.IsLocal,
            Module = module.Name,
            Version = version,
            IsDefaultVersion = isDefault,
            File = file,
            Source = source,
        };
    }
}
