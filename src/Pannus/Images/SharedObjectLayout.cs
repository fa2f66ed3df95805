using Pannus.Core;
using Pannus.Elf;
using Pannus.Unwinding;

namespace Pannus.Images;

/// <summary>A shared library (ET_DYN) as a patch: its PT_LOADs as the gABI has them ("Program Loading").</summary>
internal static class SharedObjectLayout
{
    private const ulong LargestAlignment = 2 << 20;
    private const ulong PositionIndependentProgram = 0x08000000; // DF_1_PIE; a static one has no PT_INTERP.

    public static PatchImage Read(PatchFile patch)
    {
        ElfImage elf = patch.Image;
        ProgramHeader[] loads = [.. elf.ProgramHeaders.Where(p => p.IsLoad && p.MemorySize > 0)];
        if (loads.Length == 0) throw PatchImageReader.Invalid(patch, "it has no segments to load");
        if (elf.Interpreter.Length > 0 || ((elf.DynamicValue(DynamicTag.Flags1) ?? 0) & PositionIndependentProgram) != 0)
            throw PatchImageReader.Invalid(patch, "it is a program, and a patch is a shared library. Compile it with -shared -fPIC");
        if (elf.ProgramHeaders.Any(p => p.Type == ProgramHeaderType.Tls && p.MemorySize > 0)) throw PatchImageReader.OwnThreadLocals(patch);

        ulong first = Page.Down(loads[0].VirtualAddress);
        ulong end = CheckLoads(patch, loads, first);
        byte[] content = new byte[end - first];
        foreach (ProgramHeader load in loads)
        {
            if (!elf.TryReadVirtual(load.VirtualAddress, content.AsSpan((int)(load.VirtualAddress - first), (int)load.FileSize)))
                throw PatchImageReader.Invalid(patch, $"its segment at 0x{load.VirtualAddress:x} reaches beyond the end of the file");
        }
        Constructors.Check(patch);

        ImageSymbol?[] symbols = [.. elf.DynamicSymbols.Select(s => Symbol(s, first))];
        return new PatchImage
        {
            Name = patch.Path,
            Architecture = patch.Architecture,
            Content = content,
            Segments = Segments(elf, loads, first),
            Relocations = [.. Relocations(patch, symbols, first, content)],
            Defined = Defined(elf, first),
            FirstAddress = first,
            Frames = UnwindTable.FramesOf(elf, patch.Architecture.Unwind) is { } frames && frames.Start >= first && frames.End <= end
                ? [new AddressRange(frames.Start - first, frames.Length)] : [],
            Alignment = Math.Clamp(loads.Max(l => l.Alignment), Page.Size, LargestAlignment),
        };
    }

    private static ulong CheckLoads(PatchFile patch, ProgramHeader[] loads, ulong first)
    {
        ulong end = first;
        foreach (ProgramHeader load in loads)
        {
            string name = $"its segment at 0x{load.VirtualAddress:x}";
            if (load.FileSize > load.MemorySize) throw PatchImageReader.Invalid(patch, $"{name} is larger in the file than in memory");
            if (Page.Down(load.VirtualAddress) < end) throw PatchImageReader.Invalid(patch, $"{name} overlaps the one before it");
            ulong loadEnd = load.VirtualAddress + load.MemorySize;
            if (loadEnd < load.VirtualAddress || loadEnd - first > PatchImageReader.LargestImage)
                throw PatchImageReader.Invalid(patch, $"{name} has an impossible size");
            if (load.Access.HasFlag(MemoryAccess.Write | MemoryAccess.Execute))
                throw PatchImageReader.Invalid(patch, $"{name} is both writable and executable. Link it without -N or -z execstack");
            if (load.Alignment > 1 && ((load.Alignment & (load.Alignment - 1)) != 0 || load.Alignment > LargestAlignment))
                throw PatchImageReader.Invalid(patch, $"{name} has an impossible alignment");
            end = Page.Up(loadEnd);
        }
        return end;
    }

    // PT_GNU_RELRO: read-only once relocated, which it is before it is mapped.
    private static List<ImageSegment> Segments(ElfImage elf, ProgramHeader[] loads, ulong first)
    {
        ProgramHeader? relro = elf.ProgramHeaders.FirstOrDefault(p => p.Type == ProgramHeaderType.GnuRelro);
        List<ImageSegment> segments = [];
        foreach (ProgramHeader load in loads)
        {
            ulong start = Page.Down(load.VirtualAddress) - first;
            ulong end = Page.Up(load.VirtualAddress + load.MemorySize - first);
            if (relro is not null && load.Access.HasFlag(MemoryAccess.Write) && Page.Down(relro.VirtualAddress) - first == start)
            {
                ulong split = Page.Down(relro.VirtualAddress + relro.MemorySize) - first;
                if (split > start && split <= end)
                {
                    segments.Add(new ImageSegment(start, split - start, MemoryAccess.Read));
                    start = split;
                }
            }
            if (end > start) segments.Add(new ImageSegment(start, end - start, load.Access));
        }
        return segments;
    }

    private static IEnumerable<ImageRelocation> Relocations(PatchFile patch, ImageSymbol?[] symbols, ulong first, byte[] content)
    {
        MachineWord word = patch.Image.Word;
        ulong size = (ulong)word.Size;
        foreach (ElfRelocation r in patch.Image.Relocations)
        {
            if (r.SymbolIndex >= (uint)symbols.Length)
                throw PatchImageReader.Invalid(patch, $"a relocation at 0x{r.Offset:x} names symbol {r.SymbolIndex} of {symbols.Length}");
            // REL and RELR keep the addend in the place itself.
            ulong offset = r.Offset - first;
            long addend = r.Addend ?? (offset + size <= (ulong)content.Length && offset + size > offset
                ? (long)word.Read(content.AsSpan((int)offset)) : 0);
            yield return new ImageRelocation(offset, r.Type, r.SymbolIndex == 0 ? null : symbols[r.SymbolIndex], addend);
        }
    }

    private static Dictionary<string, ImageSymbol> Defined(ElfImage elf, ulong first)
    {
        Dictionary<string, ImageSymbol> defined = [];
        // Exported ones win over local ones of the same name, and of two locals the first.
        foreach (ElfSymbol s in elf.DynamicSymbols.Concat(elf.SymbolTable.OrderBy(s => s.IsLocal)))
            if (s.IsDefined && s.IsEntity && s.Name.Length > 0) defined.TryAdd(s.Name, Symbol(s, first));
        return defined;
    }

    private static ImageSymbol Symbol(ElfSymbol s, ulong first) => new(
        s.Name, s.Version, s.IsAbsolute || !s.IsDefined ? s.Value : s.Value - first, s.Size, s.IsDefined, s.IsAbsolute, s.IsWeak,
        s.IsFunction, s.IsIndirect, s.IsThreadLocal);
}
