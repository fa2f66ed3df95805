using Pannus.Core;
using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Pannus.Elf;

namespace Pannus.Authoring.Dwarf;

/// <summary>The debug sections of an object: unpacked, and with their relocations done.</summary>
internal sealed class DebugSections
{
    private const ulong LargestSection = 1ul << 30;
    private const uint Zlib = 1;

    private readonly ElfImage _image;
    private readonly ulong[] _symbolValues;
    private readonly ILookup<int, SectionHeader> _relocations;

    private DebugSections(ElfImage image)
    {
        _image = image;
        _symbolValues = [.. image.SymbolTable.Select(s => s.IsDefined && !s.IsCommon ? s.Value : 0)];
        _relocations = image.Sections.Where(s => s.Type is SectionType.Rela or SectionType.Rel).ToLookup(s => (int)s.Info);
        Infos = [.. All(".debug_info")];
        Types = [.. All(".debug_types")];
        Abbreviations = All(".debug_abbrev").FirstOrDefault() ?? [];
        Strings = All(".debug_str").FirstOrDefault() ?? [];
        LineStrings = All(".debug_line_str").FirstOrDefault() ?? [];
        StringOffsets = All(".debug_str_offsets").FirstOrDefault() ?? [];
        Lines = All(".debug_line").FirstOrDefault() ?? [];
    }

    /// <summary>Name for messages.</summary>
    public string Name => _image.DisplayName;

    /// <summary>.debug_info; several where type units are in groups of their own.</summary>
    public IReadOnlyList<byte[]> Infos { get; }

    /// <summary>.debug_types of DWARF 4.</summary>
    public IReadOnlyList<byte[]> Types { get; }

    public byte[] Abbreviations { get; }
    public byte[] Strings { get; }
    public byte[] LineStrings { get; }
    public byte[] StringOffsets { get; }
    public byte[] Lines { get; }

    /// <summary>Reads those of an object. Error: <see cref="PatchErrorId.PatchFileInvalid"/>.</summary>
    public static DebugSections Read(ElfImage image) => new(image);

    /// <summary>A text of a table of texts.</summary>
    public string Text(byte[] table, ulong offset)
    {
        if (offset >= (ulong)table.Length) throw Invalid($"debug information with a text at 0x{offset:x}");
        ReadOnlySpan<byte> rest = table.AsSpan((int)offset);
        int end = rest.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? rest : rest[..end]);
    }

    private PatchException Invalid(string what) => new(PatchErrorId.PatchFileInvalid, $"{Name}: {what}.");

    private IEnumerable<byte[]> All(string name)
    {
        foreach (SectionHeader section in _image.Sections)
        {
            bool isOldStyle = section.Name == ".z" + name[1..];
            if (section.Name != name && !isOldStyle) continue;
            byte[] content = isOldStyle ? UnpackOldStyle(section) : Content(section);
            foreach (SectionHeader table in _relocations[section.Index]) Relocate(content, table);
            yield return content;
        }
    }

    // Chdr (gABI, "Section Compression") says how it was packed and how long it is.
    private byte[] Content(SectionHeader section)
    {
        ReadOnlySpan<byte> data = _image.SectionData(section);
        if (!section.Flags.HasFlag(SectionFlags.Compressed)) return data.ToArray();
        bool is64 = _image.Class == ElfClass.Elf64;
        int header = is64 ? 24 : 12;
        if (data.Length < header) throw Invalid($"{section.Name} cut short");
        uint type = BinaryPrimitives.ReadUInt32LittleEndian(data);
        ulong size = is64 ? BinaryPrimitives.ReadUInt64LittleEndian(data[8..]) : BinaryPrimitives.ReadUInt32LittleEndian(data[4..]);
        if (type != Zlib)
            throw Invalid($"{section.Name} is packed by a method (number {type}) that can't be read; compile with -gz=none");
        return Unpack(section, data[header..], size);
    }

    // "ZLIB" and the length, most significant byte first: what GNU had before the gABI.
    private byte[] UnpackOldStyle(SectionHeader section)
    {
        ReadOnlySpan<byte> data = _image.SectionData(section);
        if (data.Length < 12 || !data[..4].SequenceEqual("ZLIB"u8)) throw Invalid($"{section.Name} isn't packed");
        return Unpack(section, data[12..], BinaryPrimitives.ReadUInt64BigEndian(data[4..]));
    }

    private byte[] Unpack(SectionHeader section, ReadOnlySpan<byte> packed, ulong size)
    {
        if (size > LargestSection) throw Invalid($"{section.Name} of {size} bytes");
        byte[] content = new byte[size];
        try
        {
            using var stream = new ZLibStream(new MemoryStream(packed.ToArray()), CompressionMode.Decompress);
            stream.ReadExactly(content);
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
        {
            throw Invalid($"{section.Name} can't be unpacked");
        }
        return content;
    }

    // Symbols of sections are all that debug information refers to, but for addresses of code, which nothing here asks for.
    private void Relocate(byte[] content, SectionHeader table)
    {
        foreach (ElfRelocation r in _image.RelocationsOf(table))
        {
            int width = Width(r.Type);
            if (width == 0 || r.SymbolIndex >= (uint)_symbolValues.Length) continue;
            if (r.Offset > (ulong)content.Length || (ulong)content.Length - r.Offset < (ulong)width)
                throw Invalid($"a relocation of debug information at 0x{r.Offset:x}");
            Span<byte> place = content.AsSpan((int)r.Offset, width);
            ulong value = _symbolValues[r.SymbolIndex];
            if (width == 8)
                BinaryPrimitives.WriteUInt64LittleEndian(place, value + (ulong)(r.Addend ?? BinaryPrimitives.ReadInt64LittleEndian(place)));
            else
                BinaryPrimitives.WriteUInt32LittleEndian(place, (uint)(value + (ulong)(r.Addend ?? BinaryPrimitives.ReadInt32LittleEndian(place))));
        }
    }

    // R_X86_64_64, R_X86_64_32 and R_X86_64_32S; R_386_32.
    private int Width(uint type) => (_image.Machine, type) switch
    {
        (ElfMachine.X86_64, 1) => 8,
        (ElfMachine.X86_64, 10 or 11) => 4,
        (ElfMachine.I386, 1) => 4,
        _ => 0,
    };
}
