using System.Buffers.Binary;
using Pannus.Core;

namespace Pannus.Elf;

// The dynamic section (gABI, "Dynamic Section"), and what stands in notes and PT_INTERP.
internal sealed partial class ElfImage
{
    private const uint NtGnuBuildId = 3;
    private Dictionary<DynamicTag, ulong>? _dynamic;
    private List<ulong>? _needed;
    private string? _buildId;

    /// <summary>DT_SONAME; empty when there is none.</summary>
    public string SoName => DynamicValue(DynamicTag.SoName) is { } offset ? DynamicText(offset) : "";

    /// <summary>DT_NEEDED: names of the libraries it is linked with.</summary>
    public IReadOnlyList<string> Needed
    {
        get
        {
            ReadDynamic();
            return [.. _needed!.Select(DynamicText)];
        }
    }

    /// <summary>PT_INTERP: path of the dynamic linker; empty when there is none.</summary>
    public string Interpreter => ProgramHeaders.FirstOrDefault(p => p.Type == ProgramHeaderType.Interp) is { } interp
        ? TargetText.From(VirtualSlice(interp.VirtualAddress, interp.FileSize, "PT_INTERP").TrimEnd((byte)0)) : "";

    /// <summary>NT_GNU_BUILD_ID in lower-case hex; empty when there is none.</summary>
    public string BuildId => _buildId ??= ReadBuildId();

    /// <summary>Value of a tag that stands once; an address is one of the file, also in a module read from memory.</summary>
    public ulong? DynamicValue(DynamicTag tag)
    {
        ReadDynamic();
        return _dynamic!.TryGetValue(tag, out ulong value) ? value : null;
    }

    internal string DynamicText(ulong offset) => Text(DynamicStrings, offset);

    private ReadOnlySpan<byte> DynamicStrings =>
        DynamicValue(DynamicTag.StrTab) is { } table && DynamicValue(DynamicTag.StrSize) is { } size
            ? VirtualSlice(table, size, "the dynamic string table") : [];

    private void ReadDynamic()
    {
        if (_dynamic is not null) return;
        Dictionary<DynamicTag, ulong> values = [];
        List<ulong> needed = [];
        if (ProgramHeaders.FirstOrDefault(p => p.Type == ProgramHeaderType.Dynamic) is { FileSize: > 0 } header)
        {
            int size = Is64 ? 8 : 4;
            ReadOnlySpan<byte> table = VirtualSlice(header.VirtualAddress, header.FileSize, "the dynamic section");
            for (; table.Length >= 2 * size; table = table[(2 * size)..])
            {
                var tag = (DynamicTag)(Is64 ? BinaryPrimitives.ReadInt64LittleEndian(table) : BinaryPrimitives.ReadInt32LittleEndian(table));
                ulong value = Is64 ? BinaryPrimitives.ReadUInt64LittleEndian(table[8..]) : BinaryPrimitives.ReadUInt32LittleEndian(table[4..]);
                if (tag == DynamicTag.Null) break;
                if (tag == DynamicTag.Needed) needed.Add(value);
                else values[tag] = IsAddress(tag) ? Unrelocated(value) : value;
            }
        }
        (_dynamic, _needed) = (values, needed);
    }

    private static bool IsAddress(DynamicTag tag) => tag is DynamicTag.Hash or DynamicTag.StrTab or DynamicTag.SymTab
        or DynamicTag.Rela or DynamicTag.Rel or DynamicTag.JmpRel or DynamicTag.GnuHash or DynamicTag.VerSym
        or DynamicTag.VerDef or DynamicTag.VerNeed or DynamicTag.Relr or DynamicTag.Init or DynamicTag.InitArray or DynamicTag.PltGot;

    // In memory glibc adds the load bias to the addresses of the dynamic section, but for the vdso's, which is read-only.
    private ulong Unrelocated(ulong address) =>
        _memoryStart is { } first && address >= first + _memoryBias && address - _memoryBias - first < _bytes.Length
            ? address - _memoryBias : address;

    private string ReadBuildId()
    {
        // Sections first: the program headers of a separate debug file describe the program, not the debug file.
        foreach (SectionHeader section in Sections)
            if (section.Type == SectionType.Note && FindBuildId(SectionData(section), section.Alignment) is { } id) return id;
        foreach (ProgramHeader note in ProgramHeaders)
        {
            if (note.Type != ProgramHeaderType.Note || note.FileSize == 0) continue;
            ReadOnlySpan<byte> data = _memoryStart is null
                ? _bytes.Slice(note.Offset, note.FileSize, "a note segment")
                : VirtualSlice(note.VirtualAddress, note.FileSize, "a note segment");
            if (FindBuildId(data, note.Alignment) is { } id) return id;
        }
        return "";
    }

    // Notes are aligned to 4 bytes whatever the class, but for segments that say 8 (gABI, "Note Section"; binutils).
    private static string? FindBuildId(ReadOnlySpan<byte> notes, ulong alignment)
    {
        ulong mask = alignment == 8 ? 7ul : 3ul;
        while (notes.Length >= 12)
        {
            ulong nameSize = BinaryPrimitives.ReadUInt32LittleEndian(notes);
            ulong size = BinaryPrimitives.ReadUInt32LittleEndian(notes[4..]);
            uint type = BinaryPrimitives.ReadUInt32LittleEndian(notes[8..]);
            ulong data = (12 + nameSize + mask) & ~mask, end = (data + size + mask) & ~mask;
            if (data + size > (ulong)notes.Length) return null;
            if (type == NtGnuBuildId && nameSize == 4 && notes.Slice(12, 4).SequenceEqual("GNU\0"u8))
                return Convert.ToHexString(notes.Slice((int)data, (int)size)).ToLowerInvariant();
            if (end >= (ulong)notes.Length) return null;
            notes = notes[(int)end..];
        }
        return null;
    }
}
