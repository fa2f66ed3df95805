using System.Text;
using Pannus.Core;
using Pannus.Elf;
using Pannus.Targets;

namespace Pannus.Symbols;

/// <summary>Other code that was made of the same function.</summary>
/// <param name="Address">Where it is in the target: the entry of a clone, or where a copy was inlined.</param>
/// <param name="Size">Bytes of a clone; 0 when that is not known.</param>
/// <param name="Name">A clone's name; of an inlined copy that of the function that it is in.</param>
/// <param name="Owner">Entry of the function that the code is in.</param>
/// <param name="IsInlined">Whether it was inlined.</param>
/// <param name="HasSameCall">Whether it is called as the function itself is.</param>
internal sealed record FunctionCopy(ulong Address, ulong Size, string Name, ulong Owner, bool IsInlined, bool HasSameCall);

/// <summary>What tells of the copies of functions.</summary>
internal enum CopySource
{
    /// <summary>Nothing: the module is stripped.</summary>
    Nothing,
    /// <summary>The symbol table, which names clones but not what was inlined.</summary>
    Symbols,
    /// <summary>Debug information.</summary>
    DebugInformation,
}

/// <summary>
/// Finds the copies that compilers make of a function in its module: clones, whose names end in <c>.constprop.0</c> and the
/// like, by the symbol table; and those and inlined ones by debug information, where there is some.
/// </summary>
internal sealed class FunctionCopies(TargetProcess target, ResolverOptions options)
{
    private static readonly string[] s_clones = [".constprop.", ".isra.", ".part.", ".lto_priv.", ".llvm.", ".specialized."];
    // These say only where the linker sees it.
    private static readonly string[] s_renamed = [".lto_priv.", ".llvm."];

    private readonly Dictionary<TargetModule, (ModuleSymbols Symbols, ILookup<string, ResolvedSymbol> Clones)> _symbols = [];
    private readonly Dictionary<TargetModule, DwarfFunctions?> _functions = [];

    /// <summary>The copies of a function, and what tells of them.</summary>
    public (IReadOnlyList<FunctionCopy> Copies, CopySource Source) Of(TargetModule module, ResolvedSymbol function)
    {
        (ModuleSymbols symbols, ILookup<string, ResolvedSymbol> clones) = SymbolsOf(module);
        ulong value = function.Address - module.LoadBias;
        if (FunctionsOf(module) is { } all && all.All.FirstOrDefault(f => f.Start == value) is { Start: > 0 } self)
        {
            List<FunctionCopy> told = ByDebugInformation(module, symbols, all, self);
            // Of what was compiled without it only the name tells.
            HashSet<ulong> known = [.. all.All.Select(f => module.LoadBias + f.Start)];
            return ([.. told, .. ByName(symbols, clones, function).Where(c => !known.Contains(c.Address))], CopySource.DebugInformation);
        }
        return (ByName(symbols, clones, function), symbols.HasLocals ? CopySource.Symbols : CopySource.Nothing);
    }

    private static List<FunctionCopy> ByName(ModuleSymbols symbols, ILookup<string, ResolvedSymbol> clones, ResolvedSymbol function)
    {
        string name = BaseName(function.Name);
        IEnumerable<ResolvedSymbol> found = clones[name];
        if (name != function.Name) found = found.Concat(symbols.Find([name]));
        return [.. found.Where(s => s.Address != function.Address && s.Type == SymbolType.Function
                && (s.File.Length == 0 || function.File.Length == 0 || s.File == function.File)).DistinctBy(s => s.Address)
            .Select(s => new FunctionCopy(s.Address, s.Size, s.Name, s.Address, IsInlined: false, HasSameCall: false))];
    }

    /// <summary>
    /// Other functions that the linker or the compiler has given the same code: a patch of one changes them, too. Names of one
    /// function by design are left out as far as debug information tells them.
    /// </summary>
    public IReadOnlyList<string> SharedWith(TargetModule module, ResolvedSymbol function)
    {
        (ModuleSymbols symbols, _) = SymbolsOf(module);
        string[] others = [.. symbols.At(new AddressRange(function.Address - module.LoadBias, 1)).Where(s => s.Address == function.Address
            && s.Name != function.Name && s.Type == SymbolType.Function && s.Size > 0).Select(s => s.Name).Distinct(StringComparer.Ordinal)];
        if (others.Length == 0 || FunctionsOf(module) is not { } all) return [];
        // An alias is no function of its own in the source.
        HashSet<string> defined = [.. all.All.Where(f => !f.IsDeclaration && (f.HasName || f.HasLinkageName)).Select(f => Encoding.UTF8.GetString(f.NameBytes))];
        return [.. others.Where(defined.Contains)];
    }

    /// <summary>The name of a function without what compilers put after it.</summary>
    public static string BaseName(string name)
    {
        int end = name.Length;
        foreach (string suffix in s_clones)
            if (name.IndexOf(suffix, 1 < name.Length ? 1 : 0, StringComparison.Ordinal) is > 0 and var at) end = Math.Min(end, at);
        return name[..end];
    }

    private List<FunctionCopy> ByDebugInformation(TargetModule module, ModuleSymbols symbols, DwarfFunctions all, DwarfFunction self)
    {
        DwarfFunction root = all.RootOf(self);
        HashSet<ulong> same = [.. all.All.Where(f => IsSame(all.RootOf(f), root)).Select(f => f.Reference)];
        List<FunctionCopy> copies = [];
        foreach (DwarfFunction f in all.All)
        {
            // What the linker has dropped is left at the first addresses.
            if (f.Start == 0 || f.Start == self.Start || !same.Contains(f.Reference) || !IsCode(module, f.Start)) continue;
            ResolvedSymbol? symbol = symbols.At(new AddressRange(f.Start, 1)).FirstOrDefault(s => s.Address == module.LoadBias + f.Start && s.Size > 0);
            bool isSameCall = (symbol is not null && IsRenamed(symbol.Name)) || DwarfParameters.AreSame(self, f);
            copies.Add(new FunctionCopy(module.LoadBias + f.Start, symbol?.Size ?? 0, symbol?.Name ?? NameOf(root), module.LoadBias + f.Start, false, isSameCall));
        }
        foreach ((_, DwarfFunction into, ulong address) in all.Inlined(same))
        {
            if (!IsCode(module, address) || same.Contains(into.Reference)) continue;
            copies.Add(new FunctionCopy(module.LoadBias + address, 0, NameOf(all.RootOf(into)), module.LoadBias + into.Start, IsInlined: true, HasSameCall: false));
        }
        return copies;
    }

    private static bool IsSame(DwarfFunction one, DwarfFunction other)
    {
        if (one.Reference == other.Reference) return true;
        if (one.Line != other.Line || !one.NameBytes.SequenceEqual(other.NameBytes) || one.NameBytes.IsEmpty) return false;
        return FileOf(one) is { Length: > 0 } file && file == FileOf(other);
    }

    private static string FileOf(DwarfFunction function) =>
        DwarfFiles.Read(function.Unit) is var files && (uint)function.File < (uint)files.Count ? Path.GetFullPath(files[function.File], "/") : "";

    private static string NameOf(DwarfFunction function) => Encoding.UTF8.GetString(function.NameBytes);

    private static bool IsCode(TargetModule module, ulong value) =>
        module.Image.ProgramHeaders.Any(p => p.IsLoad && p.Access.HasFlag(MemoryAccess.Execute) && value - p.VirtualAddress < p.MemorySize);

    // Nothing but a place in the link has been added to it.
    private static bool IsRenamed(string name)
    {
        string rest = name[BaseName(name).Length..];
        return rest.Length == 0 || (s_renamed.Any(rest.StartsWith) && !s_clones.Except(s_renamed).Any(rest.Contains));
    }

    private (ModuleSymbols, ILookup<string, ResolvedSymbol>) SymbolsOf(TargetModule module)
    {
        if (_symbols.TryGetValue(module, out var known)) return known;
        var symbols = new ModuleSymbols(target, module, options);
        return _symbols[module] = (symbols, symbols.Find(IsClone).ToLookup(s => BaseName(s.Name), StringComparer.Ordinal));
    }

    private static bool IsClone(ReadOnlySpan<byte> name)
    {
        int dot = name.IndexOf((byte)'.');
        if (dot <= 0) return false;
        ReadOnlySpan<byte> rest = name[dot..];
        return rest.IndexOf(".constprop."u8) >= 0 || rest.IndexOf(".isra."u8) >= 0 || rest.IndexOf(".part."u8) >= 0
            || rest.IndexOf(".lto_priv."u8) >= 0 || rest.IndexOf(".llvm."u8) >= 0 || rest.IndexOf(".specialized."u8) >= 0;
    }

    private DwarfFunctions? FunctionsOf(TargetModule module)
    {
        if (_functions.TryGetValue(module, out DwarfFunctions? known)) return known;
        ElfImage? image = SymbolsOf(module).Item1.DebugImage;
        return _functions[module] = image is not null && DwarfInfo.Open(image, DebugFile.Supplement(target, image)) is { } info ? DwarfFunctions.Read(info) : null;
    }
}
