using System.Buffers.Binary;
using Pannus.Elf;

namespace Pannus.Authoring.Objects;

/// <summary>The unwind information of one function, as a pair of entries of <c>.eh_frame</c>.</summary>
/// <param name="Common">The CIE that it shares with others.</param>
/// <param name="Entry">The FDE.</param>
/// <param name="Code">The function; null for code that is not in the object any more.</param>
/// <param name="ExceptionTable">Its table of handlers (LSDA); null for none.</param>
internal sealed record Frame(FrameEntry Common, FrameEntry Entry, Atom? Code, Atom? ExceptionTable);

/// <summary>A CIE or an FDE.</summary>
/// <param name="Start">Offset in <c>.eh_frame</c>.</param>
/// <param name="Size">Bytes, the length word included.</param>
internal readonly record struct FrameEntry(ulong Start, ulong Size);

/// <summary>The <c>.eh_frame</c> of an object (Linux Standard Base, "Exception Frames"), by functions.</summary>
internal sealed class FrameTable
{
    private const int IdAt = 4, FirstPointerAt = 8;

    private readonly Dictionary<Atom, Frame> _byCode = [];

    private FrameTable(SectionHeader? section) => Section = section;

    /// <summary>The section; null when there is none.</summary>
    public SectionHeader? Section { get; }

    public IEnumerable<Frame> All => _byCode.Values;

    /// <summary>The frame of a function; null when it has none.</summary>
    public Frame? Of(Atom code) => _byCode.GetValueOrDefault(code);

    public static FrameTable Read(BuildObject o)
    {
        // More than one only after ld -r with groups, and then those of the others belong to what was left out.
        if (o.Elf.FindSection(".eh_frame") is not { } section) return new FrameTable(null);
        var table = new FrameTable(section);
        ReadOnlySpan<byte> data = o.Elf.SectionData(section);
        ElfRelocation[] relocations = o.RelocationsOf(section);
        int next = 0;
        for (ulong at = 0; at + IdAt <= (ulong)data.Length;)
        {
            uint length = BinaryPrimitives.ReadUInt32LittleEndian(data[(int)at..]);
            ulong end = at + 4 + length;
            if (length == 0) break;
            if (length < 4 || end > (ulong)data.Length) throw o.Elf.Invalid($"an entry of .eh_frame at 0x{at:x} that "
                + $"is damaged");
            uint id = BinaryPrimitives.ReadUInt32LittleEndian(data[(int)(at + IdAt)..]);
            if (id != 0)
            {
                ulong cie = at + IdAt - id;
                if (cie >= at || cie + 4 > (ulong)data.Length) throw o.Elf.Invalid($"an entry of .eh_frame at "
                    + $"0x{at:x} without its CIE");
                Atom? code = null, handlers = null;
                while (next < relocations.Length && relocations[next].Offset < at) next++;
                for (; next < relocations.Length && relocations[next].Offset < end; next++)
                {
                    ElfRelocation r = relocations[next];
                    if (o.SectionOf(r) is not { } target) continue;
                    Atom? found = o.AtomAt(target, (long)o.Symbols[(int)r.SymbolIndex].Symbol.Value
                        + o.AddendOf(section, r));
                    if (r.Offset == at + FirstPointerAt) code = found;
                    else if (found?.Kind == AtomKind.Constant) handlers = found;
                }
                uint size = BinaryPrimitives.ReadUInt32LittleEndian(data[(int)cie..]) + 4;
                if (code is not null)
                    table._byCode[code] = new Frame(new FrameEntry(cie, size), new FrameEntry(at, end - at), code,
                        handlers);
            }
            at = end;
        }
        return table;
    }
}
