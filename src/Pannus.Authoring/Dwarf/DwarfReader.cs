using Pannus.Elf;

namespace Pannus.Authoring.Dwarf;

/// <summary>
/// Reads the entries of an object's debug information, of DWARF 2 to 5 (dwarfstd.org). It reads relocatable objects, whose
/// sections refer to each other by relocations, and knows no more than what types, functions and variables need.
/// </summary>
internal sealed class DwarfReader
{
    private readonly Dictionary<ulong, AbbreviationTable> _abbreviations = [];
    private readonly Dictionary<ulong, Die> _dies = [];
    private readonly Dictionary<ulong, ulong> _signatures = [];
    private readonly List<DwarfUnit> _units = [];

    private DwarfReader(DebugSections sections)
    {
        Sections = sections;
        int number = 0;
        foreach (byte[] info in sections.Infos) ReadSection(info, number++, false);
        foreach (byte[] types in sections.Types) ReadSection(types, number++, true);
    }

    public DebugSections Sections { get; }

    public IReadOnlyList<DwarfUnit> Units => _units;

    /// <summary>Reads an object; one without debug information has no units.</summary>
    public static DwarfReader Read(string path)
    {
        using ElfImage image = ElfImage.OpenFile(path);
        return new DwarfReader(DebugSections.Read(image));
    }

    /// <summary>A key for an entry: several sections of one object have the same offsets.</summary>
    public static ulong Key(int section, ulong offset) => (ulong)section << 40 | offset & 0xff_ffff_ffff;

    // A type may be referred to before its unit is read: its signature stands for it, with a bit that no offset has.
    public ulong KeyOfSignature(ulong signature) => signature | 1ul << 63;

    public void NameType(ulong signature, ulong key) => _signatures[KeyOfSignature(signature)] = key;

    public void Register(ulong key, Die die) => _dies[key] = die;

    public Die? Find(ulong key) =>
        _dies.GetValueOrDefault((key & 1ul << 63) != 0 && _signatures.TryGetValue(key, out ulong named) ? named : key);

    public AbbreviationTable Abbreviations(ulong offset)
    {
        if (_abbreviations.TryGetValue(offset, out AbbreviationTable? table)) return table;
        return _abbreviations[offset] = AbbreviationTable.Read(Sections, offset);
    }

    private void ReadSection(byte[] bytes, int section, bool isTypes)
    {
        var at = new DwarfCursor(bytes, 0, bytes.Length, Sections.Name);
        while (!at.IsAtEnd) _units.Add(DwarfUnit.Read(this, bytes, ref at, section, isTypes));
    }
}
