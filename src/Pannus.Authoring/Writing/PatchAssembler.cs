using System.Buffers.Binary;
using System.Text;
using Pannus.Authoring.Comparing;
using Pannus.Authoring.Objects;
using Pannus.Elf;
using Pannus.Machines;

namespace Pannus.Authoring.Writing;

/// <summary>
/// Writes the selected atoms as one object, each in a section of its own, with the commands that apply it.
/// </summary>
internal sealed class PatchAssembler
{
    private readonly Selection _selection;
    private readonly ObjectSet _set;
    private readonly ObjectWriter _writer;
    private readonly Dictionary<Atom, (int Section, int Symbol)> _placed = [];
    private readonly Dictionary<(ulong Alignment, string Bytes), (int Section, int Symbol)> _constants = [];
    private readonly PatchNames _names = new();
    private readonly Dictionary<(string Name, string Place), int> _outside = [];
    private readonly List<string> _aliases = [], _jumps = [];

    public PatchAssembler(Selection selection, ObjectSet set, TargetArchitecture architecture)
    {
        (_selection, _set) = (selection, set);
        bool is64 = architecture.Bitness == 64;
        _writer = new ObjectWriter(is64 ? ElfMachine.X86_64 : ElfMachine.I386, is64);
    }

    /// <summary>The commands that the patch needs, one a line, after <see cref="Assemble"/>.</summary>
    public IEnumerable<string> Commands => [.. _aliases, .. _jumps];

    /// <summary>Lays out and links what can be linked here. Then <see cref="Finish"/> adds the commands.</summary>
    public void Assemble()
    {
        Dictionary<Atom, Replacement> replaced = _selection.Replaced.ToDictionary(r => r.Change.New);
        foreach (Atom atom in _selection.Included) Place(atom, replaced.GetValueOrDefault(atom));
        foreach (Atom atom in _selection.Included)
        {
            if (_constants.ContainsValue(_placed[atom]) && atom.References.Count == 0) continue;
            foreach (Reference r in atom.References) Link(_placed[atom].Section, r.Offset, r, _selection.Of(r));
        }
        AddFrames();
    }

    /// <summary>The object, with its commands in it.</summary>
    public byte[] Finish(string commands)
    {
        byte[] text = Encoding.UTF8.GetBytes(commands);
        _writer.AddSection(".pannus", SectionFlags.None, 1, text, (ulong)text.Length);
        _writer.AddSection(".note.GNU-stack", SectionFlags.None, 1, [], 0);
        return _writer.Write();
    }

    private void Place(Atom atom, Replacement? replacement)
    {
        string name = atom.Name.Length > 0 ? "." + atom.Name : "";
        bool isZero = atom.Bytes.IsEmpty;
        (string prefix, SectionFlags flags) = atom.Kind switch
        {
            AtomKind.Code => (".text", SectionFlags.Alloc | SectionFlags.ExecInstr),
            AtomKind.Constant => (".rodata", SectionFlags.Alloc),
            AtomKind.ThreadLocal => (isZero ? ".tbss" : ".tdata",
                SectionFlags.Alloc | SectionFlags.Write | SectionFlags.Tls),
            _ => (isZero ? ".bss" : ".data", SectionFlags.Alloc | SectionFlags.Write),
        };
        // Equal strings of several objects are one.
        bool isShared = atom.Kind == AtomKind.Constant && CompilerName.IsMadeUp(atom.Name)
            && atom.References.Count == 0 && !isZero;
        (ulong, string) content = isShared ? (atom.Alignment, Convert.ToBase64String(atom.Bytes)) : default;
        if (isShared && _constants.TryGetValue(content, out (int, int) known))
        {
            _placed[atom] = known;
            return;
        }
        byte[]? data = isZero && atom.Kind != AtomKind.Constant && atom.Kind != AtomKind.Code ? null : isZero
            ? new byte[atom.Size] : atom.Bytes.ToArray();
        int section = _writer.AddSection(prefix + name, flags, atom.Alignment, data, atom.Size);
        ElfSymbolType type = atom.Kind switch
        {
            AtomKind.Code => ElfSymbolType.Function,
            AtomKind.ThreadLocal => ElfSymbolType.ThreadLocal,
            _ => name.Length > 0 ? ElfSymbolType.Object : ElfSymbolType.Section,
        };
        string own = replacement is null ? atom.Name : _names.Claim(atom.Name);
        int symbol = _writer.AddSymbol(own, type, replacement is null ? ElfSymbolBinding.Local
            : ElfSymbolBinding.Global, section, type == ElfSymbolType.Section ? 0 : atom.Size);
        _placed[atom] = (section, symbol);
        if (isShared) _constants[content] = (section, symbol);
        if (replacement is not null) _jumps.Add($"J {replacement.Place} {own}");
    }

    private void Link(int section, ulong offset, in Reference r, in Destination to)
    {
        long addend = r.Addend + OffsetOfSymbol(r);
        uint type = r.Type;
        int symbol;
        if (to.Inside is { } inside) symbol = _placed[inside].Symbol;
        else if (to.Symbol.Length == 0) symbol = -1;
        else
        {
            symbol = Outside(to, r.IsWeak);
            // What has a place is in the module that the patch lies near.
            if (to.Place.Length > 0 && r.IsBranch && type == X64Relocation.Plt32 && !IsIndirect(r)) type =
                X64Relocation.Pc32;
        }
        _writer.AddRelocation(section, offset, type, symbol, addend);
    }

    private bool IsIndirect(in Reference r) => _set.TargetOf(r)?.Symbols.Any(s => s.Symbol.IsIndirect) ?? false;

    // Another object's symbol may name a place inside an atom.
    private long OffsetOfSymbol(Reference r)
    {
        if (r.Target is not null || _set.TargetOf(r) is not { Section: not null } atom) return 0;
        return (long)(atom.Symbols.FirstOrDefault(s => s.Name == r.Symbol)?.Symbol.Value
            ?? atom.Start) - (long)atom.Start;
    }

    private int Outside(in Destination to, bool isWeak)
    {
        if (_outside.TryGetValue((to.Symbol, to.Place), out int known)) return known;
        string name = to.Symbol;
        if (to.Place.Length > 0)
        {
            name = _names.ClaimOutside(to.Symbol.Length > 0 ? to.Symbol : "data");
            _aliases.Add($"alias {name} {to.Place}");
        }
        ElfSymbolBinding binding = isWeak ? ElfSymbolBinding.Weak : ElfSymbolBinding.Global;
        return _outside[(to.Symbol, to.Place)] = _writer.AddSymbol(name, ElfSymbolType.None, binding, -1, 0);
    }

    private void AddFrames()
    {
        var data = new MemoryStream();
        List<(ulong Offset, Reference Reference)> references = [];
        Dictionary<(BuildObject, ulong), long> known = [];
        byte[] back = new byte[4];
        foreach (Atom atom in _selection.Included)
        {
            if (atom.Kind != AtomKind.Code || atom.Object.Frames.Of(atom) is not { } frame
                || atom.Object.Frames.Section is not { } from) continue;
            var reader = new FrameReader(atom.Object, from);
            if (!known.TryGetValue((atom.Object, frame.Common.Start), out long common))
                known[(atom.Object, frame.Common.Start)] = common = Copy(frame.Common, reader);
            long entry = Copy(frame.Entry, reader);
            data.Position = entry + 4;
            BinaryPrimitives.WriteUInt32LittleEndian(back, (uint)(entry + 4 - common));
            data.Write(back);
            data.Position = data.Length;

            long Copy(FrameEntry e, FrameReader reader)
            {
                long at = data.Length;
                data.Write(atom.Object.Elf.SectionData(from).Slice((int)e.Start, (int)e.Size));
                references.AddRange(reader.Of(e).Select(r => ((ulong)at + r.Offset, r)));
                return at;
            }
        }
        if (data.Length == 0) return;
        data.Write([0, 0, 0, 0]);
        int section = _writer.AddSection(".eh_frame", SectionFlags.Alloc, 8, data.ToArray(), (ulong)data.Length);
        foreach ((ulong offset, Reference r) in references)
        {
            Destination to = r.Target is { } target && _placed.ContainsKey(target) ? new Destination(target)
                : _selection.Of(r);
            Link(section, offset, r, to);
        }
    }
}
