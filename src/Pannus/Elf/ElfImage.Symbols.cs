using System.Buffers.Binary;

namespace Pannus.Elf;

// The symbol tables (gABI, "Symbol Table").
internal sealed partial class ElfImage
{
    private ElfSymbolTable? _symbolTable, _dynamicSymbols;

    /// <summary>Whether there is a <c>.symtab</c>.</summary>
    public bool HasSymbolTable => SymbolTable.Count > 0;

    /// <summary><c>.symtab</c>; empty when there is none.</summary>
    public ElfSymbolTable SymbolTable => _symbolTable ??= ReadSymbolTable();

    /// <summary><c>.dynsym</c>, found by the dynamic section; empty when there is none.</summary>
    public ElfSymbolTable DynamicSymbols => _dynamicSymbols ??= ReadDynamicSymbols();

    internal ReadOnlySpan<byte> FileSlice(ulong offset, ulong length, string what) => _bytes.Slice(offset, length, what);

    private ulong SymbolSize => Is64 ? 24ul : 16ul;

    private ElfSymbolTable ReadSymbolTable()
    {
        if (Sections.FirstOrDefault(s => s.Type == SectionType.SymTab) is not { } section) return ElfSymbolTable.Empty(this);
        if (section.EntrySize != SymbolSize) throw Invalid($"a symbol table with entries of {section.EntrySize} bytes");
        if (section.Link >= Sections.Count) throw Invalid("a symbol table without strings");
        SectionHeader strings = Sections[(int)section.Link];
        _ = _bytes.Slice(section.Offset, section.Size, "the symbol table");
        _ = _bytes.Slice(strings.Offset, strings.Size, "the symbol names");
        return new ElfSymbolTable(this, section.Offset, (int)(section.Size / SymbolSize), strings.Offset, strings.Size, Is64, null)
        {
            ExtendedSections = Sections.FirstOrDefault(s => s.Type == SectionType.SymTabShndx && s.Link == section.Index),
        };
    }

    private ElfSymbolTable ReadDynamicSymbols()
    {
        if (DynamicValue(DynamicTag.SymTab) is not { } address || DynamicValue(DynamicTag.StrTab) is not { } strings)
            return ElfSymbolTable.Empty(this);
        ulong stringsSize = DynamicValue(DynamicTag.StrSize) ?? 0;
        ulong count = CountDynamicSymbols();
        if (count == 0) return ElfSymbolTable.Empty(this);
        ulong offset = OffsetOf(address) ?? throw Invalid("the dynamic symbol table lies in no segment");
        ulong stringsOffset = OffsetOf(strings) ?? throw Invalid("the dynamic string table lies in no segment");
        if (count > int.MaxValue / SymbolSize) throw Invalid($"{count} dynamic symbols");
        _ = _bytes.Slice(offset, count * SymbolSize, "the dynamic symbol table");
        _ = _bytes.Slice(stringsOffset, stringsSize, "the dynamic string table");
        return new ElfSymbolTable(this, offset, (int)count, stringsOffset, stringsSize, Is64, SymbolVersions.Read(this, (int)count));
    }

    // No tag says how many there are. DT_HASH has a chain word for each; DT_GNU_HASH ends with the last of them.
    private ulong CountDynamicSymbols()
    {
        if (Sections.FirstOrDefault(s => s.Type == SectionType.DynSym) is { } section) return section.Size / SymbolSize;
        if (DynamicValue(DynamicTag.Hash) is { } hash)
            return BinaryPrimitives.ReadUInt32LittleEndian(VirtualSlice(hash + 4, 4, "DT_HASH"));
        if (DynamicValue(DynamicTag.GnuHash) is not { } gnu) return 0;

        uint buckets = VirtualWord(gnu), first = VirtualWord(gnu + 4), bloom = VirtualWord(gnu + 8);
        ulong bucketsAt = gnu + 16 + (ulong)bloom * (Is64 ? 8ul : 4ul), chainsAt = bucketsAt + 4ul * buckets;
        uint last = 0;
        ReadOnlySpan<byte> table = VirtualSlice(bucketsAt, 4ul * buckets, "DT_GNU_HASH");
        for (int i = 0; i < (int)buckets; i++) last = Math.Max(last, BinaryPrimitives.ReadUInt32LittleEndian(table[(i * 4)..]));
        // Without exports the table knows nothing of what is imported; the relocations do.
        if (last < first) return Math.Max(first, 1 + Relocations.Select(r => (ulong)r.SymbolIndex).DefaultIfEmpty().Max());
        while ((VirtualWord(chainsAt + 4ul * (last - first)) & 1) == 0) last++;
        return last + 1;
    }

    private uint VirtualWord(ulong address) => BinaryPrimitives.ReadUInt32LittleEndian(VirtualSlice(address, 4, "a hash table"));
}
