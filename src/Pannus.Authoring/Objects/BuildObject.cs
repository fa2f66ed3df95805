using Pannus.Core;
using Pannus.Elf;
using Pannus.Machines;

namespace Pannus.Authoring.Objects;

/// <summary>An object of a build (ET_REL), as atoms and the references between them.</summary>
internal sealed class BuildObject : IDisposable
{
    private const int MostSections = 0xff00; // SHN_LORESERVE: beyond, indices of sections stand elsewhere.

    private readonly Dictionary<int, ElfRelocation[]> _relocations = [];
    private readonly AtomTable _atoms;

    private BuildObject(string name, string path, ElfImage elf, TargetArchitecture architecture)
    {
        (Name, Path, Elf, Architecture) = (name, path, elf, architecture);
        Symbols = [.. elf.SymbolTable.Select(s => new ObjectSymbol(s.Index, s.Name, s))];
        SourceName = Symbols.FirstOrDefault(s => s.Symbol.Type == ElfSymbolType.File)?.Name ?? "";
        foreach (SectionHeader table in elf.Sections)
            if (table.Type is SectionType.Rela or SectionType.Rel
                && table.Info < elf.Sections.Count) AddRelocations(table);
        _atoms = AtomTable.Read(this);
        Frames = FrameTable.Read(this);
        foreach (Frame frame in Frames.All)
            if (frame.Code is { } code && frame.ExceptionTable is { } table) code.ExceptionTable = table;
    }

    /// <summary>Name in the build.</summary>
    public string Name { get; }

    public string Path { get; }

    public ElfImage Elf { get; }

    public TargetArchitecture Architecture { get; }

    /// <summary>Name of the source file, as the symbol tables have it (STT_FILE); empty when there is none.</summary>
    public string SourceName { get; }

    public IReadOnlyList<ObjectSymbol> Symbols { get; }

    /// <summary>All atoms, but those of strings that nothing has asked for.</summary>
    public IReadOnlyList<Atom> Atoms => _atoms.All;

    /// <summary>The unwind information of its functions.</summary>
    public FrameTable Frames { get; }

    /// <summary>
    /// Opens an object. Errors: <see cref="PatchErrorId.PatchFileNotFound"/>, <see
    /// cref="PatchErrorId.PatchFileInvalid"/>,
    /// <see cref="PatchErrorId.ArchitectureMismatch"/>; also for what only a compiler of the same kind can read (LTO).
    /// </summary>
    public static BuildObject Open(string name, string path)
    {
        ElfImage elf = ElfImage.OpenFile(path);
        try
        {
            TargetArchitecture architecture = TargetArchitecture.Of(elf) ?? throw new PatchException(
                PatchErrorId.ArchitectureMismatch, $"{path} is for {TargetArchitecture.Describe(elf)}.");
            if (elf.Type != ElfType.Rel) throw elf.Invalid("no object: compile with -c");
            if (elf.Sections.Count >= MostSections) throw elf.Invalid($"{elf.Sections.Count} sections, more than can "
                + $"be told apart");
            if (elf.Sections.Any(s => s.Name.StartsWith(".gnu.lto_", StringComparison.Ordinal)))
                throw elf.Invalid("compiled for link-time optimization: the code is made when the program is linked. "
                    + "Compile with -fno-lto");
            elf.SymbolTable.CheckNames();
            return new BuildObject(name, path, elf, architecture);
        }
        catch
        {
            elf.Dispose();
            throw;
        }
    }

    /// <summary>The atom of a section at an offset; null where there is none.</summary>
    public Atom? AtomAt(SectionHeader section, long offset) => _atoms.Find(section, offset);

    /// <summary>The relocations of a section in the order of their places.</summary>
    public ElfRelocation[] RelocationsOf(SectionHeader section) => _relocations.GetValueOrDefault(section.Index, []);

    /// <summary>
    /// Where a relocation's symbol lies; null for one that is not defined here, or lies in no section.
    /// </summary>
    public SectionHeader? SectionOf(in ElfRelocation r) => SectionOf(Symbols[(int)r.SymbolIndex]);

    /// <summary>The section of a symbol; null for one that lies in none.</summary>
    public SectionHeader? SectionOf(ObjectSymbol s) =>
        s.Symbol.IsDefined && s.Symbol.SectionIndex < MostSections && s.Symbol.SectionIndex < Elf.Sections.Count
            ? Elf.Sections[(int)s.Symbol.SectionIndex] : null;

    /// <summary>The atom of a common symbol.</summary>
    public Atom? CommonAtom(int symbol) => _atoms.FindCommon(symbol);

    internal IReadOnlyList<Reference> ReferencesOf(Atom atom) => new ReferenceReader(this, atom).Read();

    /// <summary>The addend of a relocation, which of REL stands in the place itself.</summary>
    public long AddendOf(SectionHeader section, in ElfRelocation r)
    {
        if (r.Addend is { } addend) return addend;
        if (section.Type == SectionType.NoBits) return 0;
        int width = Architecture.RuleOf(r.Type).Width;
        ReadOnlySpan<byte> data = Elf.SectionData(section);
        if (r.Offset + (ulong)width > (ulong)data.Length) return 0;
        ReadOnlySpan<byte> place = data.Slice((int)r.Offset, width);
        return width switch { 1 => (sbyte)place[0], 2 => BitConverter.ToInt16(place), 4 =>
            BitConverter.ToInt32(place), _ => 0 };
    }

    public void Dispose() => Elf.Dispose();

    private void AddRelocations(SectionHeader table)
    {
        SectionHeader section = Elf.Sections[(int)table.Info];
        if (!section.Flags.HasFlag(SectionFlags.Alloc)) return;
        ElfRelocation[] all = [.. Elf.RelocationsOf(table)];
        foreach (ElfRelocation r in all)
        {
            if (r.SymbolIndex >= (uint)Symbols.Count || r.Offset >= section.Size)
                throw Elf.Invalid($"a relocation of {section.Name} at 0x{r.Offset:x} that cannot be");
        }
        if (_relocations.TryGetValue(section.Index, out ElfRelocation[]? more)) all = [.. more, .. all];
        Array.Sort(all, (a, b) => a.Offset.CompareTo(b.Offset));
        _relocations[section.Index] = all;
    }
}
