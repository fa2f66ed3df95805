using System.Buffers.Binary;
using Pannus.Core;
using Pannus.Journal;
using Pannus.Machines;
using Pannus.Symbols;
using Pannus.Targets;
using Pannus.Unwinding;

namespace Pannus.Planning;

/// <summary>
/// The code that runs as one function: all of it counts when a function is replaced, wherever the compiler has put it, and
/// so do its earlier versions that a thread may still be in.
/// </summary>
internal sealed class FunctionRanges(TargetProcess target, ResolverOptions symbols)
{
    private const int MostHops = 8;

    private readonly Dictionary<string, ILookup<string, ResolvedSymbol>> _parts = [];
    private readonly Dictionary<TargetModule, UnwindTable?> _tables = [];
    private ILookup<ulong, JournalEntry>? _versions;

    /// <summary>
    /// Ranges in which no thread may have a frame when a jump at <paramref name="place"/> is written. What lies before the
    /// jump, and its first byte, are left out: a thread that is about to execute them finds the jump.
    /// </summary>
    public IReadOnlyList<AddressRange> Of(ResolvedSymbol function, ulong place)
    {
        ulong end = Math.Max(function.Address + SizeOf(function), place + 1);
        List<AddressRange> ranges = [new(place + 1, end - place - 1)];
        ranges.AddRange(PartsOf(function));
        ranges.AddRange(EarlierVersion(place));
        ranges.AddRange(OtherVersions(place));
        return ranges;
    }

    private ulong SizeOf(ResolvedSymbol function)
    {
        if (function.Size > 0) return function.Size;
        // A map file or assembly code tells no size; the unwind tables do, or the next symbol.
        if (target.ModuleAt(function.Address) is not { } module) return 0;
        ulong value = function.Address - module.LoadBias;
        if (!_tables.TryGetValue(module, out UnwindTable? table)) _tables[module] = table = UnwindTable.Read(module.Image, target.Architecture.Unwind);
        if (table is not null && table.TryFind(value, out FrameEntry entry)) return entry.Start + entry.Length - value;
        ulong end = target.Map.Find(function.Address)?.End ?? function.Address;
        ulong next = SymbolAt.NextAfter(module, value) is { } found ? found + module.LoadBias : end;
        return Math.Min(next, end) - function.Address;
    }

    // GCC's names of what it splits off: NAME.cold, NAME.cold.N, NAME.part.N and NAME.part.N.cold.
    private IEnumerable<AddressRange> PartsOf(ResolvedSymbol function)
    {
        if (target.ModuleAt(function.Address) is not { } module) return [];
        if (!_parts.TryGetValue(module.Path, out ILookup<string, ResolvedSymbol>? parts))
        {
            parts = new ModuleSymbols(target, module, symbols).Find(IsPart).ToLookup(s => BaseName(s.Name), StringComparer.Ordinal);
            _parts[module.Path] = parts;
        }
        return parts[BaseName(function.Name)].Where(p => p.Type == SymbolType.Function && (function.File.Length == 0 || p.File == function.File))
            .Select(p => new AddressRange(p.Address, p.Size));
    }

    private static bool IsPart(ReadOnlySpan<byte> name) => name.IndexOf(".cold"u8) > 0 || name.IndexOf(".part."u8) > 0;

    private static string BaseName(string name)
    {
        int cold = name.IndexOf(".cold", 1, StringComparison.Ordinal), part = name.IndexOf(".part.", 1, StringComparison.Ordinal);
        return part > 0 ? name[..part] : cold > 0 ? name[..cold] : name;
    }

    // Where the entry leads now: to the function of a mapped patch, by way of long-jump pages.
    private IEnumerable<AddressRange> EarlierVersion(ulong place)
    {
        ulong at = place;
        for (int hop = 0; hop < MostHops && NextHop(at) is { } next; hop++) at = next;
        if (at == place || target.Map.Find(at) is not { } region || MountName.FromRegion(region) is null) return [];
        IReadOnlyList<MemoryRegion> regions = MountName.All(target.Map).Select(m => m.Regions).First(r => r.Any(x => x.Contains(at)));
        return PatchCode(regions, at);
    }

    // Versions that the entry leads to no more: under other patches, or taken back and kept.
    private IEnumerable<AddressRange> OtherVersions(ulong place)
    {
        _versions ??= TargetJournal.Read(target).Entries
            .SelectMany(e => (e.Record?.Writes ?? []).Select(w => w.Address).Distinct().Select(a => (Address: a, Entry: e)))
            .ToLookup(v => v.Address, v => v.Entry);
        JournalEntry[] versions = [.. _versions[place]];
        return versions.Where(e => e != versions.LastOrDefault(v => v.IsInForce)).SelectMany(e => e.Code);
    }

    // e9 rel32, eb rel8, or ff 25 rel32 (a jump through a pointer), behind an endbr64 or not.
    private ulong? NextHop(ulong at)
    {
        Span<byte> code = stackalloc byte[16];
        if (target.Memory.Read(at, code) != code.Length) return null;
        ReadOnlySpan<byte> endbr = [0xf3, 0x0f, 0x1e]; // fa: endbr64, fb: endbr32
        if (code.StartsWith(endbr) && code[3] is 0xfa or 0xfb)
        {
            code = code[4..];
            at += 4;
        }
        if (X86Jump.Destination(at, code) is { } next) return target.Architecture.Word.Wrap(next);
        if (code[0] != 0xff || code[1] != 0x25) return null;
        MachineWord word = target.Architecture.Word;
        ulong slot = (word.Size == 8 ? at + 6 : 0) + (ulong)BinaryPrimitives.ReadInt32LittleEndian(code[2..]);
        return word.TryRead(target.Memory, word.Wrap(slot));
    }

    // A patch's local functions, of which its memory tells no names, may belong to any of its functions: all its code
    // counts but what is known to be another function.
    private IEnumerable<AddressRange> PatchCode(IReadOnlyList<MemoryRegion> regions, ulong function)
    {
        IEnumerable<AddressRange> code = regions.Where(r => r.Access.HasFlag(MemoryAccess.Execute)).Select(r => new AddressRange(r.Start, r.Size));
        if (ModuleScanner.TryReadPatch(target, regions) is not { } module) return code;
        IEnumerable<AddressRange> others = module.Image.DynamicSymbols.Where(s => s.IsDefined && s.IsFunction && !s.IsAbsolute && s.Size > 0)
            .Select(s => new AddressRange(module.LoadBias + s.Value, s.Size)).Where(r => !r.Contains(function)).OrderBy(r => r.Start);
        return code.SelectMany(c => Without(c, others));
    }

    private static IEnumerable<AddressRange> Without(AddressRange whole, IEnumerable<AddressRange> holes)
    {
        ulong at = whole.Start;
        foreach (AddressRange hole in holes)
        {
            if (hole.End <= at || hole.Start >= whole.End) continue;
            if (hole.Start > at) yield return new AddressRange(at, hole.Start - at);
            at = hole.End;
        }
        if (at < whole.End) yield return new AddressRange(at, whole.End - at);
    }
}
