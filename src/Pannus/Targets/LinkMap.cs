using Pannus.Core;
using Pannus.Elf;

namespace Pannus.Targets;

/// <summary>
/// The dynamic linker's list of loaded modules (link.h: <c>struct r_debug</c>, <c>struct link_map</c>), which is the order
/// in which it searches them for symbols.
/// </summary>
internal static class LinkMap
{
    private const int MostModules = 4096;
    private const ulong DtDebug = 21;

    /// <summary>Sorts modules by that list; those that it does not have follow by address.</summary>
    public static IEnumerable<TargetModule> Order(TargetProcess target, TargetModule executable, IReadOnlyList<TargetModule> modules)
    {
        Dictionary<ulong, int> ranks = [];
        foreach ((_, ulong dynamic) in Entries(target, executable)) ranks.TryAdd(dynamic, ranks.Count);
        return modules.OrderBy(m => Rank(m)).ThenBy(m => m.Start);

        int Rank(TargetModule module) =>
            DynamicAddress(module) is { } address && ranks.TryGetValue(address, out int rank) ? rank : int.MaxValue;
    }

    /// <summary>Address of the <c>struct link_map</c> of a module; null when the dynamic linker does not list it.</summary>
    public static ulong? Find(TargetProcess target, TargetModule module)
    {
        ulong? dynamic = DynamicAddress(module);
        foreach ((ulong address, ulong entryDynamic) in Entries(target, target.Executable))
            if (entryDynamic == dynamic) return address;
        return null;
    }

    private static ulong? DynamicAddress(TargetModule module) =>
        module.Image.ProgramHeaders.FirstOrDefault(p => p.Type == ProgramHeaderType.Dynamic) is { } header
            ? module.LoadBias + header.VirtualAddress : null;

    private static List<(ulong Address, ulong Dynamic)> Entries(TargetProcess target, TargetModule executable)
    {
        List<(ulong, ulong)> entries = [];
        if (DebugAddress(target, executable) is not { } debug) return entries;
        MachineWord word = executable.Image.Word;
        ulong size = (ulong)word.Size;
        // struct r_debug: int r_version, then struct link_map *r_map.
        ulong at = word.TryRead(target.Memory, debug + size) ?? 0;
        while (at != 0 && entries.Count < MostModules)
        {
            // struct link_map: l_addr, l_name, l_ld, l_next, l_prev.
            entries.Add((at, word.TryRead(target.Memory, at + 2 * size) ?? 0));
            at = word.TryRead(target.Memory, at + 3 * size) ?? 0;
        }
        return entries;
    }

    // The dynamic linker fills DT_DEBUG in the program's live dynamic section.
    private static ulong? DebugAddress(TargetProcess target, TargetModule executable)
    {
        if (DynamicAddress(executable) is not { } dynamic) return null;
        MachineWord word = executable.Image.Word;
        for (ulong at = dynamic, last = dynamic + 256 * 16; at < last; at += 2 * (ulong)word.Size)
        {
            ulong? tag = word.TryRead(target.Memory, at);
            if (tag is null or 0) return null;
            if (tag == DtDebug) return word.TryRead(target.Memory, at + (ulong)word.Size) is > 0 and var address ? address : null;
        }
        return null;
    }
}
