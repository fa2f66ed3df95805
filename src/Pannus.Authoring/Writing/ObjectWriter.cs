using System.Buffers.Binary;
using System.Text;
using Pannus.Core;
using Pannus.Elf;

namespace Pannus.Authoring.Writing;

/// <summary>
/// Writes an object (ET_REL; gABI, chapter 4) of either class, always with addends (RELA), in the order in which it
/// was told of things, so that equal inputs give equal bytes. A few pages of code, as an object that is written needs
/// no more than a header and four kinds of tables. LibObjectFile, which does this and reads too, would be a dependency
/// of the module for just this part: what reads objects here has to keep up with damaged files anyway, and is the
/// engine's.
/// </summary>
internal sealed class ObjectWriter(ElfMachine machine, bool is64)
{
    private const ushort Reserved = 0xff00;
    private const int HeaderSize64 = 64, HeaderSize32 = 52, SectionHeaderSize64 = 64, SectionHeaderSize32 = 40;

    private sealed record Section(string Name, SectionType Type, SectionFlags Flags, ulong Alignment, byte[]? Data,
        ulong Size)
    {
        public List<(ulong Offset, uint Type, int Symbol, long Addend)> Relocations { get; } = [];
    }

    private sealed record Symbol(string Name, ElfSymbolType Type, ElfSymbolBinding Binding, int Section,
        ulong Value, ulong Size);

    private readonly List<Section> _sections = [];
    private readonly List<Symbol> _symbols = [];

    /// <summary>Adds a section; null for data that is all zeros (SHT_NOBITS). Returns its number.</summary>
    public int AddSection(string name, SectionFlags flags, ulong alignment, byte[]? data, ulong size)
    {
        _sections.Add(new Section(name, data is null ? SectionType.NoBits : SectionType.ProgBits, flags, alignment,
            data, size));
        return _sections.Count - 1;
    }

    /// <summary>Adds a symbol; a negative section leaves it undefined. Returns its number.</summary>
    public int AddSymbol(string name, ElfSymbolType type, ElfSymbolBinding binding, int section, ulong size)
    {
        _symbols.Add(new Symbol(name, type, binding, section, 0, size));
        return _symbols.Count - 1;
    }

    public void AddRelocation(int section, ulong offset, uint type, int symbol, long addend) =>
        _sections[section].Relocations.Add((offset, type, symbol, addend));

    public byte[] Write()
    {
        // Local symbols come first (gABI, "Symbol Table").
        int[] order = [.. Enumerable.Range(0, _symbols.Count)
            .OrderBy(i => _symbols[i].Binding != ElfSymbolBinding.Local)];
        int[] index = new int[order.Length];
        for (int i = 0; i < order.Length; i++) index[order[i]] = i + 1;
        int locals = 1 + _symbols.Count(s => s.Binding == ElfSymbolBinding.Local);

        var strings = new StringTable();
        byte[] symbols = Symbols(order, strings);
        List<Header> headers = [new Header("", 0, 0, 0, [], 0, 0, 0, 0)];
        foreach (Section s in _sections)
            headers.Add(new Header(s.Name, (uint)s.Type, (ulong)s.Flags, s.Alignment, s.Data ?? [], s.Size, 0, 0, 0));
        int symbolTable = 1 + _sections.Count + _sections.Count(s => s.Relocations.Count > 0);
        if (symbolTable + 3 >= Reserved) throw new PatchException(PatchErrorId.PatchFileInvalid,
            "The patch would have too many sections.");
        for (int i = 0; i < _sections.Count; i++)
        {
            if (_sections[i].Relocations.Count == 0) continue;
            byte[] table = Relocations(_sections[i], index);
            headers.Add(new Header(".rela" + _sections[i].Name, (uint)SectionType.Rela, InfoLink, Word, table,
                (ulong)table.Length, (uint)symbolTable, (uint)i + 1, RelocationSize));
        }
        headers.Add(new Header(".symtab", (uint)SectionType.SymTab, 0, Word, symbols, (ulong)symbols.Length,
            (uint)symbolTable + 1, (uint)locals, SymbolSize));
        byte[] names = strings.ToArray();
        headers.Add(new Header(".strtab", (uint)SectionType.StrTab, 0, 1, names, (ulong)names.Length, 0, 0, 0));
        return File(headers);
    }

    private const ulong InfoLink = 0x40;

    private sealed record Header(string Name, uint Type, ulong Flags, ulong Alignment, byte[] Data, ulong Size,
        uint Link, uint Info, ulong EntrySize);

    private ulong Word => is64 ? 8u : 4u;

    private ulong SymbolSize => is64 ? 24u : 16u;

    private ulong RelocationSize => is64 ? 24u : 12u;

    private byte[] Symbols(int[] order, StringTable strings)
    {
        var table = new MemoryStream();
        table.Write(new byte[SymbolSize]);
        foreach (int i in order)
        {
            Symbol s = _symbols[i];
            uint name = strings.Add(s.Name);
            byte info = (byte)((int)s.Binding << 4 | (int)s.Type);
            ushort section = (ushort)(s.Section + 1);
            if (is64)
            {
                Put(table, name, 4);
                Put(table, info, 1);
                Put(table, 0, 1);
                Put(table, section, 2);
                Put(table, s.Value, 8);
                Put(table, s.Size, 8);
            }
            else
            {
                Put(table, name, 4);
                Put(table, s.Value, 4);
                Put(table, s.Size, 4);
                Put(table, info, 1);
                Put(table, 0, 1);
                Put(table, section, 2);
            }
        }
        return table.ToArray();
    }

    private byte[] Relocations(Section section, int[] index)
    {
        var table = new MemoryStream();
        foreach ((ulong offset, uint type, int symbol, long addend) in section.Relocations)
        {
            ulong target = symbol < 0 ? 0 : (ulong)index[symbol];
            Put(table, offset, (int)Word);
            Put(table, is64 ? target << 32 | type : target << 8 | type, (int)Word);
            Put(table, (ulong)addend, (int)Word);
        }
        return table.ToArray();
    }

    private byte[] File(List<Header> headers)
    {
        var names = new StringTable();
        uint[] nameAt = [.. headers.Select(h => names.Add(h.Name))];
        uint own = names.Add(".shstrtab");
        byte[] text = names.ToArray();
        headers.Add(new Header(".shstrtab", (uint)SectionType.StrTab, 0, 1, text, (ulong)text.Length, 0, 0, 0));
        nameAt = [.. nameAt, own];

        var file = new MemoryStream();
        file.Write(new byte[is64 ? HeaderSize64 : HeaderSize32]);
        ulong[] offsets = new ulong[headers.Count];
        for (int i = 1; i < headers.Count; i++)
        {
            Align(file, Math.Max(headers[i].Alignment, 1));
            offsets[i] = (ulong)file.Position;
            file.Write(headers[i].Data);
        }
        Align(file, Word);
        ulong table = (ulong)file.Position;
        for (int i = 0; i < headers.Count; i++)
        {
            Header h = headers[i];
            int word = (int)Word;
            Put(file, nameAt[i], 4);
            Put(file, h.Type, 4);
            Put(file, h.Flags, word);
            Put(file, 0, word);
            Put(file, offsets[i], word);
            Put(file, h.Size, word);
            Put(file, h.Link, 4);
            Put(file, h.Info, 4);
            Put(file, h.Alignment, word);
            Put(file, h.EntrySize, word);
        }
        file.Position = 0;
        file.Write([0x7f, (byte)'E', (byte)'L', (byte)'F', (byte)(is64 ? 2 : 1), 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        Put(file, (ulong)ElfType.Rel, 2);
        Put(file, (ulong)machine, 2);
        Put(file, 1, 4);
        Put(file, 0, (int)Word);
        Put(file, 0, (int)Word);
        Put(file, table, (int)Word);
        Put(file, 0, 4);
        Put(file, (ulong)(is64 ? HeaderSize64 : HeaderSize32), 2);
        Put(file, 0, 2);
        Put(file, 0, 2);
        Put(file, (ulong)(is64 ? SectionHeaderSize64 : SectionHeaderSize32), 2);
        Put(file, (ulong)headers.Count, 2);
        Put(file, (ulong)headers.Count - 1, 2);
        return file.ToArray();
    }

    private static void Align(MemoryStream file, ulong alignment)
    {
        while ((ulong)file.Position % alignment != 0) file.WriteByte(0);
    }

    private static void Put(MemoryStream to, ulong value, int width)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        to.Write(bytes[..width]);
    }

    private sealed class StringTable
    {
        private readonly Dictionary<string, uint> _known = new(StringComparer.Ordinal) { [""] = 0 };
        private readonly List<byte> _all = [0];

        public uint Add(string text)
        {
            if (_known.TryGetValue(text, out uint at)) return at;
            _known[text] = at = (uint)_all.Count;
            _all.AddRange(Encoding.UTF8.GetBytes(text));
            _all.Add(0);
            return at;
        }

        public byte[] ToArray() => [.. _all];
    }
}
