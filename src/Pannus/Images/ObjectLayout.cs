using Pannus.Core;
using Pannus.Elf;
using Pannus.Machines;

namespace Pannus.Images;

/// <summary>
/// An object (ET_REL) as a patch, laid out as a linker would: sections of equal rights together, room for common symbols, a
/// GOT for what is reached through one, and a PLT for calls that may have to go further than 2 GiB.
/// </summary>
internal sealed class ObjectLayout
{
    private const ulong PltEntrySize = 16;
    private static readonly MemoryAccess[] s_order =
        [MemoryAccess.Read, MemoryAccess.Read | MemoryAccess.Execute, MemoryAccess.Read | MemoryAccess.Write];

    // STN_UNDEF: the value is 0, and no address.
    private static readonly ImageSymbol s_none = Inside(0) with { IsAbsolute = true };

    private readonly PatchFile _patch;
    private readonly ElfImage _elf;
    private readonly TargetArchitecture _architecture;
    private readonly ulong _wordSize;
    private readonly Dictionary<int, ulong> _sectionAt = [];
    private readonly Dictionary<int, ulong> _commonAt = [];
    private readonly Dictionary<int, ImageSymbol> _symbols = [];
    private readonly Dictionary<(RelocationSlot Kind, int Symbol), ulong> _slots = [];
    private readonly Dictionary<int, ulong> _pltEntries = [];
    private readonly HashSet<ImageSymbol> _inOneModule = [];
    private readonly List<ImageSegment> _segments = [];
    private readonly List<ImageRelocation> _relocations = [];
    private ulong _got, _plt;
    private byte[] _content = [];

    private ObjectLayout(PatchFile patch)
    {
        _patch = patch;
        _elf = patch.Image;
        _architecture = patch.Architecture;
        _wordSize = (ulong)_architecture.Word.Size;
    }

    /// <summary>Lays out an object. Errors as of <see cref="PatchImageReader.Read"/>.</summary>
    public static PatchImage Read(PatchFile patch) => new ObjectLayout(patch).Read();

    private PatchImage Read()
    {
        if (!_elf.HasSymbolTable) throw PatchImageReader.Invalid(_patch, "an object without a symbol table");
        SectionHeader[] sections = [.. _elf.Sections.Where(s => s.Flags.HasFlag(SectionFlags.Alloc))];
        CheckSections(sections);
        (SectionHeader Section, ElfRelocation Relocation)[] relocations = [.. AllRelocations()];
        CountSlots(relocations);
        Place(sections);
        foreach (ElfSymbol s in _elf.SymbolTable) _symbols[s.Index] = Symbol(s);
        foreach (SectionHeader s in sections)
            if (s.Type != SectionType.NoBits) _elf.SectionData(s).CopyTo(_content.AsSpan((int)_sectionAt[s.Index]));
        foreach ((SectionHeader section, ElfRelocation r) in relocations) AddRelocation(section, r);
        FillTables();
        return new PatchImage
        {
            Name = _patch.Path,
            Architecture = _architecture,
            GotOffset = _got,
            InOneModule = _inOneModule,
            Content = _content,
            Segments = _segments,
            Relocations = _relocations,
            Defined = Defined(),
            FirstAddress = 0,
            Frames = [.. sections.Where(s => s.Name == ".eh_frame").Select(s => new AddressRange(_sectionAt[s.Index], s.Size))],
            Stubs = _pltEntries.Count > 0 ? [new AddressRange(_plt, (ulong)_pltEntries.Count * PltEntrySize)] : [],
            Alignment = Math.Max(Page.Size, sections.Select(s => s.Alignment).Append(1ul).Max()),
        };
    }

    private void CheckSections(SectionHeader[] sections)
    {
        ulong total = 0;
        foreach (SectionHeader s in sections)
        {
            if (s.Flags.HasFlag(SectionFlags.Tls) && s.Size > 0) throw PatchImageReader.OwnThreadLocals(_patch);
            if (s.Flags.HasFlag(SectionFlags.Write | SectionFlags.ExecInstr))
                throw PatchImageReader.Invalid(_patch, $"section {s.Name} is both writable and executable");
            if (s.Alignment > Page.Size || (s.Alignment & (s.Alignment - 1)) != 0)
                throw PatchImageReader.Invalid(_patch, $"section {s.Name} has an impossible alignment");
            bool isConstructor = s.Type is SectionType.InitArray or SectionType.PreinitArray
                || s.Name is ".init" || s.Name.StartsWith(".ctors", StringComparison.Ordinal);
            if (isConstructor && s.Size > 0)
            {
                throw new PatchException(PatchErrorId.ConstructorUnsupported,
                    $"{_patch.Path} has constructors ({s.Name}), and Pannus runs none: initialise with constants, or on the first call.");
            }
            total += s.Size + s.Alignment;
            if (s.Size > PatchImageReader.LargestImage || total > PatchImageReader.LargestImage)
                throw PatchImageReader.Invalid(_patch, $"section {s.Name} has an impossible size");
        }
    }

    private IEnumerable<(SectionHeader, ElfRelocation)> AllRelocations()
    {
        foreach (SectionHeader table in _elf.Sections)
        {
            if (table.Type is not (SectionType.Rela or SectionType.Rel) || table.Info >= _elf.Sections.Count) continue;
            SectionHeader section = _elf.Sections[(int)table.Info];
            if (!section.Flags.HasFlag(SectionFlags.Alloc)) continue;
            foreach (ElfRelocation r in _elf.RelocationsOf(table))
            {
                if (r.SymbolIndex >= (uint)_elf.SymbolTable.Count || r.Offset >= section.Size)
                    throw PatchImageReader.Invalid(_patch, $"a relocation of {section.Name} at 0x{r.Offset:x} that cannot be");
                yield return (section, r);
            }
        }
    }

    private void CountSlots(IEnumerable<(SectionHeader, ElfRelocation)> relocations)
    {
        ulong next = 0;
        foreach ((SectionHeader section, ElfRelocation r) in relocations)
        {
            int symbol = (int)r.SymbolIndex;
            RelocationSlot kind = RuleOf(section, r).Slot;
            if (kind == RelocationSlot.Plt)
            {
                // Only calls may go by a PLT; what is relative to the program counter otherwise reads data.
                if (symbol == 0 || _elf.SymbolTable[symbol].IsDefined) continue;
                _pltEntries.TryAdd(symbol, (ulong)_pltEntries.Count * PltEntrySize);
                kind = RelocationSlot.Got;
            }
            if (kind == RelocationSlot.None || !_slots.TryAdd((kind, symbol), next)) continue;
            next += kind is RelocationSlot.TlsPair or RelocationSlot.TlsModule ? 2 * _wordSize : _wordSize;
        }
        _got = next; // Its size until Place gives it an address.
    }

    private RelocationRule RuleOf(SectionHeader section, in ElfRelocation r) => section.Flags.HasFlag(SectionFlags.ExecInstr)
        ? _architecture.RuleOf(r.Type, _elf.SectionData(section), r.Offset) : _architecture.RuleOf(r.Type);

    private void Place(SectionHeader[] sections)
    {
        ulong gotSize = _got, at = 0;
        foreach (MemoryAccess access in s_order)
        {
            ulong start = at;
            foreach (SectionHeader s in sections.Where(s => Access(s) == access))
            {
                at = Page.Up(at, Math.Max(s.Alignment, 1));
                _sectionAt[s.Index] = at;
                at += s.Size;
            }
            if (access.HasFlag(MemoryAccess.Execute)) (_plt, at) = (Page.Up(at, PltEntrySize), Page.Up(at, PltEntrySize) + (ulong)_pltEntries.Count * PltEntrySize);
            else if (access == MemoryAccess.Read) (_got, at) = (Page.Up(at, _wordSize), Page.Up(at, _wordSize) + gotSize);
            else at = PlaceCommon(at);
            at = Page.Up(at);
            if (at > start) _segments.Add(new ImageSegment(start, at - start, access));
        }
        if (at == 0 || at > PatchImageReader.LargestImage) throw PatchImageReader.Invalid(_patch, "nothing in it to load");
        _content = new byte[at];
    }

    private ulong PlaceCommon(ulong at)
    {
        foreach (ElfSymbol s in _elf.SymbolTable.Where(s => s.IsCommon))
        {
            if (s.Value > Page.Size || s.Size > PatchImageReader.LargestImage)
                throw PatchImageReader.Invalid(_patch, $"{s.Name} has an impossible size");
            at = Page.Up(at, Math.Max(s.Value, 1));
            _commonAt[s.Index] = at;
            at += s.Size;
        }
        return at;
    }

    private void AddRelocation(SectionHeader section, in ElfRelocation r)
    {
        int symbol = (int)r.SymbolIndex;
        ulong offset = _sectionAt[section.Index] + r.Offset;
        RelocationRule rule = RuleOf(section, r);
        // A slot of the GOT or an entry of the PLT is an address in the patch itself.
        ulong? inside = rule.Slot switch
        {
            RelocationSlot.None => null,
            RelocationSlot.Plt => _pltEntries.TryGetValue(symbol, out ulong entry) ? _plt + entry : null,
            _ => _got + _slots[(rule.Slot, symbol)],
        };
        if (symbol != 0 && (rule.Slot == RelocationSlot.TlsModule || rule.Kind == RelocationKind.TlsOffset)) _inOneModule.Add(_symbols[symbol]);
        long addend = r.Addend ?? AddendInPlace(offset, rule.Width);
        _relocations.Add(inside is { } address
            ? new ImageRelocation(offset, _architecture.RelocationType(rule.Kind), Inside(address), addend)
            : new ImageRelocation(offset, r.Type, symbol == 0 ? s_none : _symbols[symbol], addend));
    }

    // REL: what is to be added lies in the place itself, as wide as that is.
    private long AddendInPlace(ulong offset, int width)
    {
        if (offset + (ulong)width > (ulong)_content.Length) return 0; // The relocator refuses it.
        ReadOnlySpan<byte> place = _content.AsSpan((int)offset, width);
        return width switch
        {
            1 => (sbyte)place[0],
            2 => BitConverter.ToInt16(place),
            4 => BitConverter.ToInt32(place),
            _ => 0,
        };
    }

    private void FillTables()
    {
        foreach (((RelocationSlot kind, int symbol), ulong slot) in _slots)
        {
            Add(slot, symbol, kind switch
            {
                RelocationSlot.ThreadOffset => RelocationKind.ThreadOffset,
                RelocationSlot.NegatedThreadOffset => RelocationKind.NegatedThreadOffset,
                RelocationSlot.TlsPair or RelocationSlot.TlsModule => RelocationKind.TlsModule,
                _ => RelocationKind.Symbol,
            });
            if (kind == RelocationSlot.TlsPair) Add(slot + _wordSize, symbol, RelocationKind.TlsOffset);
        }
        foreach ((int symbol, ulong entry) in _pltEntries)
        {
            ReadOnlySpan<byte> code = _architecture.PltEntry(out int slotAt, out RelocationKind kind, out long addend);
            code.CopyTo(_content.AsSpan((int)(_plt + entry), (int)PltEntrySize));
            _relocations.Add(new ImageRelocation(
                _plt + entry + (ulong)slotAt, _architecture.RelocationType(kind), Inside(_got + _slots[(RelocationSlot.Got, symbol)]), addend));
        }

        void Add(ulong slot, int symbol, RelocationKind kind) =>
            _relocations.Add(new ImageRelocation(_got + slot, _architecture.RelocationType(kind), _symbols[symbol], 0));
    }

    private ImageSymbol Symbol(in ElfSymbol s)
    {
        bool isInSection = _sectionAt.TryGetValue(unchecked((int)s.SectionIndex), out ulong section);
        ulong value = s.IsCommon ? _commonAt[s.Index] : s.IsAbsolute ? s.Value : isInSection ? section + s.Value : 0;
        return new ImageSymbol(s.Name, "", value, s.Size, s.IsDefined && (isInSection || s.IsCommon || s.IsAbsolute), s.IsAbsolute,
            s.IsWeak, s.IsFunction, s.IsIndirect, s.IsThreadLocal);
    }

    private Dictionary<string, ImageSymbol> Defined()
    {
        Dictionary<string, ImageSymbol> defined = [];
        foreach (ElfSymbol s in _elf.SymbolTable.OrderBy(s => s.IsLocal))
            if (s.IsEntity && s.Name.Length > 0 && _symbols[s.Index].IsDefined) defined.TryAdd(s.Name, _symbols[s.Index]);
        return defined;
    }

    private static ImageSymbol Inside(ulong offset) => new("", "", offset, 0, true, false, false, false, false, false);

    private static MemoryAccess Access(SectionHeader s) => MemoryAccess.Read
        | (s.Flags.HasFlag(SectionFlags.Write) ? MemoryAccess.Write : 0)
        | (s.Flags.HasFlag(SectionFlags.ExecInstr) ? MemoryAccess.Execute : 0);
}
