using Pannus.Elf;

namespace Pannus.Authoring.Objects;

/// <summary>
/// The references of the entries of an <c>.eh_frame</c>; all are relative to their own place, or absolute.
/// </summary>
internal sealed class FrameReader(BuildObject o, SectionHeader section)
{
    /// <summary>What an entry refers to; offsets are from its start.</summary>
    public IEnumerable<Reference> Of(FrameEntry entry)
    {
        foreach (ElfRelocation r in o.RelocationsOf(section))
        {
            if (r.Offset < entry.Start || r.Offset >= entry.Start + entry.Size) continue;
            ObjectSymbol symbol = o.Symbols[(int)r.SymbolIndex];
            long addend = o.AddendOf(section, r);
            ulong offset = r.Offset - entry.Start;
            if (o.SectionOf(symbol) is not { } target)
            {
                yield return new Reference(offset, r.Type, null, symbol.Name, addend, addend, false,
                    symbol.Symbol.IsWeak);
                continue;
            }
            long place = (long)symbol.Symbol.Value + addend;
            Atom? atom = o.AtomAt(target, place);
            long start = (long)(atom?.Start ?? 0);
            yield return new Reference(offset, r.Type, atom, symbol.Name, place - start, place - start, false, false);
        }
    }
}
