using Pannus.Core;
using Pannus.Linux;

namespace Pannus.Elf;

/// <summary>
/// A little-endian ELF file, or a module as it lies in a process, seen without copying it (gABI, chapters 4 and 5).
/// Any file may be given: a wrong one leads to <see cref="PatchErrorId.PatchFileInvalid"/>, never to more.
/// </summary>
internal sealed partial class ElfImage : IDisposable
{
    private const ulong LargestModule = 1ul << 30;
    private const int MostHeaders = 1 << 20;

    private readonly ElfBytes _bytes;
    private readonly ulong? _memoryStart; // Lowest virtual address, when the bytes are a copy of memory.
    private readonly ulong _memoryBias;

    private ElfImage(ElfBytes bytes, ulong? memoryStart = null, ulong memoryBias = 0, ElfImage? headers = null)
    {
        _bytes = bytes;
        _memoryStart = memoryStart;
        _memoryBias = memoryBias;
        if (headers is not null)
        {
            (Class, Type, Machine, Entry, ProgramHeaders) = (headers.Class, headers.Type, headers.Machine, headers.Entry, headers.ProgramHeaders);
            Sections = [];
            return;
        }

        if (!bytes.Holds(0, 52) || !bytes.Slice(0, 4, "the header").SequenceEqual("\u007fELF"u8)) throw bytes.Invalid("not an ELF file");
        ReadOnlySpan<byte> identification = bytes.Slice(0, 16, "the header");
        if (identification[4] is not (1 or 2)) throw bytes.Invalid($"neither a 32-bit nor a 64-bit ELF file (class {identification[4]})");
        if (identification[5] != 1) throw bytes.Invalid("not a little-endian ELF file");
        Class = (ElfClass)identification[4];
        Type = (ElfType)bytes.Half(16);
        Machine = (ElfMachine)bytes.Half(18);
        Entry = Is64 ? bytes.Xword(24) : bytes.Word(24);
        ProgramHeaders = ReadProgramHeaders();
        Sections = ReadSections();
    }

    /// <summary>32 or 64 bits.</summary>
    public ElfClass Class { get; }

    /// <summary>Kind of file.</summary>
    public ElfType Type { get; }

    /// <summary>Machine that it is for.</summary>
    public ElfMachine Machine { get; }

    /// <summary>Virtual address of the entry point.</summary>
    public ulong Entry { get; }

    /// <summary>The program headers.</summary>
    public IReadOnlyList<ProgramHeader> ProgramHeaders { get; }

    /// <summary>The section headers; none for a module read from memory, or a file that was stripped of them.</summary>
    public IReadOnlyList<SectionHeader> Sections { get; }

    /// <summary>Name for messages.</summary>
    public string DisplayName => _bytes.Name;

    /// <summary>Its words and addresses.</summary>
    internal MachineWord Word => new(Is64 ? 8 : 4);

    /// <summary>Which file it was read from; null for what is not one, or not mapped.</summary>
    internal FileIdentity? Identity => _bytes.Identity;

    private bool Is64 => Class == ElfClass.Elf64;

    /// <summary>Opens a file. Errors: <see cref="PatchErrorId.PatchFileNotFound"/>, <see cref="PatchErrorId.PatchFileInvalid"/>.</summary>
    public static ElfImage OpenFile(string path, string? displayName = null) => Read(ElfBytes.Open(path, displayName ?? path));

    /// <summary>Reads a file's contents.</summary>
    public static ElfImage FromBytes(byte[] data, string displayName) => Read(ElfBytes.FromArray(data, displayName));

    /// <summary>Reads a module as it lies in a process, by the header at <paramref name="start"/>.</summary>
    public static ElfImage FromMemory(IMemoryReader memory, ulong start, string displayName)
    {
        // Program headers lie in the first page, where every linker puts them.
        byte[] page = new byte[Page.Size];
        int read = memory.Read(start, page);
        // The section headers are not in memory: e_shoff, and e_shnum with e_shstrndx, are made to say so.
        bool is64 = page[4] == 2;
        page.AsSpan(is64 ? 40 : 32, is64 ? 8 : 4).Clear();
        page.AsSpan(is64 ? 60 : 48, 4).Clear();
        using ElfImage headers = FromBytes(page[..read], displayName);
        ProgramHeader[] loads = [.. headers.ProgramHeaders.Where(p => p.IsLoad && p.MemorySize > 0)];
        if (loads.Length == 0) throw headers._bytes.Invalid("no segments");
        ulong first = Page.Down(loads.Min(l => l.VirtualAddress)), end = loads.Max(l => l.VirtualAddress + l.MemorySize);
        if (end <= first || end - first > LargestModule || loads.Any(l => l.VirtualAddress + l.MemorySize < l.VirtualAddress))
            throw headers._bytes.Invalid("segments of an impossible size");

        byte[] content = new byte[end - first];
        ulong bias = start - first;
        foreach (ProgramHeader load in loads)
            _ = memory.Read(bias + load.VirtualAddress, content.AsSpan((int)(load.VirtualAddress - first), (int)load.MemorySize));
        return new ElfImage(ElfBytes.FromArray(content, displayName), first, bias, headers);
    }

    /// <summary>Whether this is a copy of a process's memory, and no file.</summary>
    internal bool IsFromMemory => _memoryStart is not null;

    /// <summary>Reads at a virtual address of the file, .bss as zeros. False when not all of it is in one segment.</summary>
    public bool TryReadVirtual(ulong address, Span<byte> buffer)
    {
        foreach (ProgramHeader load in ProgramHeaders)
        {
            ulong at = address - load.VirtualAddress;
            if (!load.IsLoad || address < load.VirtualAddress || at > load.MemorySize || (ulong)buffer.Length > load.MemorySize - at) continue;
            if (_memoryStart is { } first)
            {
                _bytes.Slice(address - first, (ulong)buffer.Length, "a segment").CopyTo(buffer);
                return true;
            }
            ulong inFile = at >= load.FileSize ? 0 : Math.Min((ulong)buffer.Length, load.FileSize - at);
            if (load.Offset + at < at || !_bytes.Holds(load.Offset + at, inFile)) return false;
            _bytes.Slice(load.Offset + at, inFile, "a segment").CopyTo(buffer);
            buffer[(int)inFile..].Clear();
            return true;
        }
        return false;
    }

    /// <summary>Copies from an offset of the file as far as it goes; the rest of <paramref name="buffer"/> stays as it is.</summary>
    internal void CopyFile(ulong offset, Span<byte> buffer)
    {
        ulong there = offset >= _bytes.Length ? 0 : Math.Min(_bytes.Length - offset, (ulong)buffer.Length);
        if (there > 0) _bytes.Slice(offset, there, "a part").CopyTo(buffer);
    }

    /// <summary>The contents of a section; empty for SHT_NOBITS.</summary>
    public ReadOnlySpan<byte> SectionData(SectionHeader section) =>
        section.Type == SectionType.NoBits ? [] : _bytes.Slice(section.Offset, section.Size, $"section {section.Name}");

    /// <summary>The section of a name; null when there is none.</summary>
    public SectionHeader? FindSection(string name) => Sections.FirstOrDefault(s => s.Name == name);

    /// <inheritdoc/>
    public void Dispose() => _bytes.Dispose();

    /// <summary>A stretch at a virtual address that must be backed by the file.</summary>
    internal ReadOnlySpan<byte> VirtualSlice(ulong address, ulong length, string what) =>
        _bytes.Slice(OffsetOf(address) ?? throw _bytes.Invalid($"{what} at 0x{address:x} lies in no segment"), length, what);

    internal PatchException Invalid(string what) => _bytes.Invalid(what);

    private ulong? OffsetOf(ulong address)
    {
        if (_memoryStart is { } first) return address - first;
        foreach (ProgramHeader load in ProgramHeaders)
            if (load.IsLoad && address - load.VirtualAddress < load.FileSize) return load.Offset + (address - load.VirtualAddress);
        return null;
    }

    private static ElfImage Read(ElfBytes bytes)
    {
        try
        {
            return new ElfImage(bytes);
        }
        catch
        {
            bytes.Dispose();
            throw;
        }
    }

    private List<ProgramHeader> ReadProgramHeaders()
    {
        ulong offset = Is64 ? _bytes.Xword(32) : _bytes.Word(28);
        int size = _bytes.Half(Is64 ? 54ul : 42ul);
        uint count = _bytes.Half(Is64 ? 56ul : 44ul);
        if (count == 0) return [];
        // PN_XNUM: the number stands in the first section header, as it does of sections.
        if (count == 0xffff && (Is64 ? _bytes.Xword(40) : _bytes.Word(32)) is > 0 and var sections) count = _bytes.Word(sections + (Is64 ? 44ul : 28ul));
        if (count > MostHeaders) throw _bytes.Invalid($"{count} program headers");
        if (size < (Is64 ? 56 : 32)) throw _bytes.Invalid($"program headers of {size} bytes");
        _ = _bytes.Slice(offset, (ulong)size * count, "the program header table");
        List<ProgramHeader> headers = new((int)count);
        for (uint i = 0; i < count; i++, offset += (ulong)size)
        {
            ElfBytes b = _bytes;
            headers.Add(Is64
                ? new ProgramHeader((ProgramHeaderType)b.Word(offset), b.Word(offset + 4), b.Xword(offset + 8), b.Xword(offset + 16),
                    b.Xword(offset + 32), b.Xword(offset + 40), b.Xword(offset + 48))
                : new ProgramHeader((ProgramHeaderType)b.Word(offset), b.Word(offset + 24), b.Word(offset + 4), b.Word(offset + 8),
                    b.Word(offset + 16), b.Word(offset + 20), b.Word(offset + 28)));
        }
        return headers;
    }

    private List<SectionHeader> ReadSections()
    {
        ulong offset = Is64 ? _bytes.Xword(40) : _bytes.Word(32);
        int size = _bytes.Half(Is64 ? 58ul : 46ul);
        uint count = _bytes.Half(Is64 ? 60ul : 48ul), names = _bytes.Half(Is64 ? 62ul : 50ul);
        if (offset == 0) return [];
        if (size < (Is64 ? 64 : 40)) throw _bytes.Invalid($"section headers of {size} bytes");
        // gABI: numbers that don't fit stand in the first section header.
        if (count == 0) count = Is64 ? (uint)Math.Min(_bytes.Xword(offset + 32), uint.MaxValue) : _bytes.Word(offset + 20);
        if (names == 0xffff) names = _bytes.Word(offset + (Is64 ? 40ul : 24ul));
        if (count > MostHeaders) throw _bytes.Invalid($"{count} sections");
        _ = _bytes.Slice(offset, (ulong)size * count, "the section header table");

        List<SectionHeader> sections = new((int)count);
        ElfBytes b = _bytes;
        for (uint i = 0; i < count; i++, offset += (ulong)size)
        {
            sections.Add(Is64
                ? new SectionHeader((int)i, "", (SectionType)b.Word(offset + 4), (SectionFlags)b.Xword(offset + 8), b.Xword(offset + 16),
                    b.Xword(offset + 24), b.Xword(offset + 32), b.Word(offset + 40), b.Word(offset + 44), b.Xword(offset + 48), b.Xword(offset + 56))
                : new SectionHeader((int)i, "", (SectionType)b.Word(offset + 4), (SectionFlags)b.Word(offset + 8), b.Word(offset + 12),
                    b.Word(offset + 16), b.Word(offset + 20), b.Word(offset + 24), b.Word(offset + 28), b.Word(offset + 32), b.Word(offset + 36)));
        }
        if (names >= count) return sections;
        SectionHeader table = sections[(int)names];
        ReadOnlySpan<byte> text = _bytes.Slice(table.Offset, table.Size, "the section name table");
        offset -= (ulong)size * count;
        Dictionary<uint, string> known = [];
        var budget = new NameBudget(this, text.Length);
        for (int i = 0; i < sections.Count; i++, offset += (ulong)size)
        {
            uint at = _bytes.Word(offset);
            if (!known.TryGetValue(at, out string? name))
            {
                budget.Spend(TextBytes(text, at).Length);
                known[at] = name = Text(text, at);
            }
            sections[i] = sections[i] with { Name = name };
        }
        return sections;
    }

    /// <summary>A NUL-terminated string of a string table; empty when the offset is outside.</summary>
    internal static string Text(ReadOnlySpan<byte> table, ulong offset) => TargetText.From(TextBytes(table, offset));

    internal static ReadOnlySpan<byte> TextBytes(ReadOnlySpan<byte> table, ulong offset)
    {
        if (offset >= (ulong)table.Length) return [];
        ReadOnlySpan<byte> rest = table[(int)offset..];
        int end = rest.IndexOf((byte)0);
        return end < 0 ? rest : rest[..end];
    }
}
