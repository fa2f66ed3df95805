using System.Buffers.Binary;
using Pannus.Core;
using Pannus.Elf;
using Pannus.Targets;

namespace Pannus.Symbols;

/// <summary>Where a module's thread-local variables lie (psABI x86-64 and i386, "TLS"; Drepper, "ELF Handling for TLS", variant II).</summary>
internal static class TlsLayout
{
    /// <summary>Of one module.</summary>
    /// <param name="ModuleId">What DTPMOD64 stands for.</param>
    /// <param name="ThreadOffset">Offset of the block from the thread pointer, the same in all threads; null when it isn't.</param>
    internal sealed record Entry(ulong ModuleId, long? ThreadOffset);

    /// <summary>The layout for a module; null when it has none or it cannot be told.</summary>
    public static Entry? Find(TargetProcess target, TargetModule module)
    {
        if (module.Image.ProgramHeaders.FirstOrDefault(p => p.Type == ProgramHeaderType.Tls) is not { } tls) return null;
        if (module.IsExecutable) return new Entry(1, -(long)ExecutableOffset(tls));
        if (LinkMap.Find(target, module) is not { } linkMap) return null;
        ulong? id = Field(target, linkMap, "_thread_db_link_map_l_tls_modid");
        ulong? offset = Field(target, linkMap, "_thread_db_link_map_l_tls_offset");
        if (id is null or 0) return null;
        // glibc: NO_TLS_OFFSET is 0, FORCED_DYNAMIC_TLS_OFFSET -1 or -2.
        return new Entry(id.Value, offset is > 0 and < 1 << 30 ? -(long)offset.Value : null);
    }

    // glibc _dl_determine_tlsoffset, for the module that comes first.
    private static ulong ExecutableOffset(ProgramHeader tls)
    {
        ulong align = Math.Max(tls.Alignment, 1);
        ulong firstByte = (0 - (tls.VirtualAddress & (align - 1))) & (align - 1);
        return ((tls.MemorySize - firstByte + align - 1) & ~(align - 1)) + firstByte;
    }

    // nptl_db: the C library describes its private structures to debuggers; three words: bits, count, offset.
    private static ulong? Field(TargetProcess target, ulong structure, string descriptor)
    {
        foreach (TargetModule module in target.Modules)
        {
            foreach (ElfSymbolTable table in (ElfSymbolTable[])[module.Image.DynamicSymbols, module.Image.SymbolTable])
            {
                foreach ((ElfSymbol s, _) in table.Find([descriptor]))
                {
                    if (!s.IsDefined || s.Size != 12) continue;
                    Span<byte> words = stackalloc byte[12];
                    if (target.Memory.Read(module.LoadBias + s.Value, words) != 12) return null;
                    uint bits = BinaryPrimitives.ReadUInt32LittleEndian(words), offset = BinaryPrimitives.ReadUInt32LittleEndian(words[8..]);
                    MachineWord word = module.Image.Word;
                    return bits == word.Size * 8 ? word.TryRead(target.Memory, structure + offset) : null;
                }
            }
        }
        return null;
    }
}
