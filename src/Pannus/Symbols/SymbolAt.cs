using Pannus.Core;
using Pannus.Elf;
using Pannus.Targets;

namespace Pannus.Symbols;

/// <summary>Where a symbol lies.</summary>
/// <param name="Start">First address.</param>
/// <param name="Size">Size in bytes; 0 when it is not known.</param>
/// <param name="IsFunction">Whether it is a function.</param>
internal readonly record struct NearSymbol(ulong Start, ulong Size, bool IsFunction)
{
    /// <summary>Address after the last.</summary>
    public ulong End => Start + Size;
}

/// <summary>From addresses to names.</summary>
internal static class SymbolAt
{
    /// <summary>How a message names an address: <c>func+0x12 (module)</c>, as far as it is known.</summary>
    public static string Describe(TargetProcess target, ulong address) => Describe(target, address, address);

    /// <summary>As the other, for a return address: the call before it, which may be the function's last instruction, tells the function.</summary>
    public static string DescribeCall(TargetProcess target, ulong returnAddress) => Describe(target, returnAddress, returnAddress - 1);

    private static string Describe(TargetProcess target, ulong address, ulong inside)
    {
        if (ModuleAt(target, inside) is not { } module)
        {
            return target.Map.Find(inside) is { } region && MountName.FromRegion(region) is { } patch
                ? $"{patch}+0x{address - region.Start + region.Offset:x}" : $"0x{address:x}";
        }
        ulong value = inside - module.LoadBias;
        ElfSymbol best = default;
        foreach (ElfSymbol s in All(module))
        {
            if (s.Value > value || (s.Size > 0 && value - s.Value >= s.Size)) continue;
            // Labels without a size may lie inside a function, whose name says more.
            int rank = (s.Size > 0).CompareTo(best.Size > 0);
            if (rank == 0) rank = s.Value.CompareTo(best.Value);
            if (rank > 0 || (rank == 0 && !s.IsLocal)) best = s;
        }
        value = address - module.LoadBias;
        return best.IsDefined ? $"{best.Name}+0x{value - best.Value:x} ({module.Name})" : $"{module.Name}+0x{value:x}";
    }

    /// <summary>Where the next symbol after an address of the file begins; null when there is none.</summary>
    public static ulong? NextAfter(TargetModule module, ulong value) =>
        All(module).Select(s => s.Value).Where(v => v > value).Select(v => (ulong?)v).Min();

    /// <summary>Size of the function at an address; 0 when it is not known.</summary>
    public static ulong SizeOf(TargetProcess target, ulong address)
    {
        if (target.ModuleAt(address) is not { } module) return 0;
        foreach (ElfSymbol s in In(module, new AddressRange(address, 1)))
            if (module.LoadBias + s.Value == address && s.Size > 0 && s.IsFunction && !s.IsIndirect) return s.Size;
        return 0;
    }

    /// <summary>The symbols that begin, end or lie in a range.</summary>
    public static IReadOnlyList<NearSymbol> Near(TargetProcess target, AddressRange range)
    {
        if (target.ModuleAt(range.Start) is not { } module) return [];
        return [.. In(module, range).Select(s => new NearSymbol(module.LoadBias + s.Value, s.Size, s.IsFunction))];
    }

    private static IEnumerable<ElfSymbol> In(TargetModule module, AddressRange range)
    {
        ElfSymbolTable table = Table(module);
        return table.Near(range.Start - module.LoadBias, range.End - module.LoadBias).Select(i => table[i]);
    }

    private static IEnumerable<ElfSymbol> All(TargetModule module) =>
        Table(module).Where(s => s.IsDefined && s.IsEntity && !s.IsThreadLocal && !s.IsAbsolute);

    private static ElfSymbolTable Table(TargetModule module) =>
        module.Image.HasSymbolTable ? module.Image.SymbolTable : module.Image.DynamicSymbols;

    // A patch is a module, too, whose symbols are those that its memory tells.
    private static TargetModule? ModuleAt(TargetProcess target, ulong address) => target.ModuleAt(address)
        ?? MountName.All(target.Map).Where(m => m.Regions.Any(r => r.Contains(address)))
            .Select(m => ModuleScanner.TryReadPatch(target, m.Regions)).FirstOrDefault();
}
