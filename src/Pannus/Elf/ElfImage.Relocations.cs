using System.Buffers.Binary;
using Pannus.Core;

namespace Pannus.Elf;

// Relocations (gABI, "Relocation", and "Relative Relocations" for DT_RELR).
internal sealed partial class ElfImage
{
    /// <summary>
    /// The relocations that a dynamic linker would do: DT_RELA, DT_REL, DT_JMPREL and DT_RELR. Error:
    /// <see cref="PatchErrorId.PatchFileInvalid"/>.
    /// </summary>
    public IReadOnlyList<ElfRelocation> Relocations
    {
        get
        {
            List<ElfRelocation> all = [];
            AddTable(all, DynamicTag.Rela, DynamicTag.RelaSize, hasAddend: true);
            AddTable(all, DynamicTag.Rel, DynamicTag.RelSize, hasAddend: false);
            AddTable(all, DynamicTag.JmpRel, DynamicTag.PltRelSize, DynamicValue(DynamicTag.PltRel) == (ulong)DynamicTag.Rela);
            AddPacked(all);
            return all;
        }
    }

    /// <summary>The relocations of a SHT_RELA or SHT_REL section of an object.</summary>
    public IReadOnlyList<ElfRelocation> RelocationsOf(SectionHeader section)
    {
        List<ElfRelocation> all = [];
        Add(all, SectionData(section), section.Type == SectionType.Rela);
        return all;
    }

    private void AddTable(List<ElfRelocation> all, DynamicTag table, DynamicTag size, bool hasAddend)
    {
        if (DynamicValue(table) is { } address && DynamicValue(size) is > 0 and var length)
            Add(all, VirtualSlice(address, length, "a relocation table"), hasAddend);
    }

    private void Add(List<ElfRelocation> all, ReadOnlySpan<byte> table, bool hasAddend)
    {
        int size = (Is64 ? 16 : 8) + (hasAddend ? Is64 ? 8 : 4 : 0);
        for (; table.Length >= size; table = table[size..])
        {
            if (Is64)
            {
                ulong info = BinaryPrimitives.ReadUInt64LittleEndian(table[8..]);
                all.Add(new ElfRelocation(BinaryPrimitives.ReadUInt64LittleEndian(table), (uint)info, (uint)(info >> 32),
                    hasAddend ? BinaryPrimitives.ReadInt64LittleEndian(table[16..]) : null));
            }
            else
            {
                uint info = BinaryPrimitives.ReadUInt32LittleEndian(table[4..]);
                all.Add(new ElfRelocation(BinaryPrimitives.ReadUInt32LittleEndian(table), info & 0xff, info >> 8,
                    hasAddend ? BinaryPrimitives.ReadInt32LittleEndian(table[8..]) : null));
            }
        }
    }

    // An even word is an address; each odd one a bitmap of the 63 (31) words that follow the last.
    private void AddPacked(List<ElfRelocation> all)
    {
        if (DynamicValue(DynamicTag.Relr) is not { } address || DynamicValue(DynamicTag.RelrSize) is not { } length) return;
        ReadOnlySpan<byte> table = VirtualSlice(address, length, "DT_RELR");
        int size = Is64 ? 8 : 4;
        ulong where = 0;
        for (; table.Length >= size; table = table[size..])
        {
            ulong entry = Is64 ? BinaryPrimitives.ReadUInt64LittleEndian(table) : BinaryPrimitives.ReadUInt32LittleEndian(table);
            if ((entry & 1) == 0)
            {
                all.Add(new ElfRelocation(entry, RelativeType, 0, null));
                where = entry + (ulong)size;
                continue;
            }
            for (int bit = 1; bit < size * 8; bit++)
                if ((entry >> bit & 1) != 0) all.Add(new ElfRelocation(where + (ulong)((bit - 1) * size), RelativeType, 0, null));
            where += (ulong)((size * 8 - 1) * size);
        }
    }

    // R_X86_64_RELATIVE and R_386_RELATIVE are the same number.
    private const uint RelativeType = 8;
}
