using Iced.Intel;
using Pannus.Elf;
using Pannus.Machines;

namespace Pannus.Authoring.Objects;

/// <summary>
/// Reads what an atom refers to. A relocation's addend is made for the encoding: relative to the place and not to the
/// end of the instruction that counts from there, or to an entry of a jump table and not to its start. What is meant
/// is undone from that.
/// </summary>
internal sealed class ReferenceReader(BuildObject o, Atom atom)
{
    public IReadOnlyList<Reference> Read()
    {
        if (atom.Section is not { } section) return [];
        ElfRelocation[] relocations = o.RelocationsOf(section);
        int first = FirstAtOrAfter(relocations, atom.Start);
        int end = FirstAtOrAfter(relocations, atom.Start + atom.Size);
        if (first == end) return [];
        relocations = relocations[first..end];
        (ulong End, bool IsBranch)[]? instructions = section.Flags.HasFlag(SectionFlags.ExecInstr)
            ? Instructions(o, section, relocations) : null;
        var found = new Reference[relocations.Length];
        for (int i = 0; i < found.Length; i++) found[i] = Read(section, relocations[i], instructions?[i]);
        return found;
    }

    /// <summary>Tells which places of which sections some relocations mean, before there are atoms.</summary>
    public static void Scan(BuildObject o, SectionHeader section, ElfRelocation[] relocations, Action<SectionHeader,
        long> means)
    {
        (ulong End, bool IsBranch)[]? instructions = section.Flags.HasFlag(SectionFlags.ExecInstr)
            ? Instructions(o, section, relocations) : null;
        for (int i = 0; i < relocations.Length; i++)
        {
            if (o.SectionOf(relocations[i]) is { } target)
                means(target, Meant(o, section, relocations[i], target, instructions?[i].End, null));
        }
    }

    private Reference Read(SectionHeader section, in ElfRelocation r, (ulong End, bool IsBranch)? instruction)
    {
        ObjectSymbol symbol = o.Symbols[(int)r.SymbolIndex];
        long addend = o.AddendOf(section, r);
        ulong offset = r.Offset - atom.Start;
        bool isBranch = instruction?.IsBranch ?? false;
        if (symbol.Symbol.IsCommon)
            return new Reference(offset, r.Type, o.CommonAtom(symbol.Index), symbol.Name, addend
                + Bias(o, r, instruction?.End), addend, isBranch, false);
        if (o.SectionOf(symbol) is not { } target)
            return new Reference(offset, r.Type, null, symbol.Name, addend, addend, isBranch, symbol.Symbol.IsWeak);
        long meant = Meant(o, section, r, target, instruction?.End, atom.Start);
        // A symbol with a name says which atom it is, also where an index is taken from the address before.
        bool isNamed = symbol.Symbol.IsEntity && !symbol.IsTemporary;
        Atom? found = o.AtomAt(target, isNamed ? (long)symbol.Symbol.Value : meant);
        string name = isNamed ? symbol.Name : found?.Name ?? "";
        long start = (long)(found?.Start ?? 0);
        return new Reference(offset, r.Type, found, name, meant - start, (long)symbol.Symbol.Value + addend - start,
            isBranch, false);
    }

    private static long Meant(BuildObject o, SectionHeader section, in ElfRelocation r, SectionHeader target,
        ulong? instructionEnd, ulong? tableStart)
    {
        long place = (long)o.Symbols[(int)r.SymbolIndex].Symbol.Value + o.AddendOf(section, r);
        if (instructionEnd is not null) return place + Bias(o, r, instructionEnd);
        // In data an address in code that is relative is one of a table, and relative to its start.
        bool isTable = target.Flags.HasFlag(SectionFlags.ExecInstr) && tableStart is not null
            && o.Architecture.RuleOf(r.Type).Kind == RelocationKind.PcRelative;
        return isTable ? place - (long)(r.Offset - tableStart!.Value) : place;
    }

    private static long Bias(BuildObject o, in ElfRelocation r, ulong? instructionEnd) =>
        instructionEnd is { } end && o.Architecture.RuleOf(r.Type).Kind == RelocationKind.PcRelative
            ? (long)(end - r.Offset) : 0;

    // For each relocation the end of the instruction around it.
    private static (ulong End, bool IsBranch)[] Instructions(BuildObject o, SectionHeader section,
        ElfRelocation[] relocations)
    {
        var found = new (ulong, bool)[relocations.Length];
        ReadOnlySpan<byte> code = section.Type == SectionType.NoBits ? [] : o.Elf.SectionData(section);
        var decoder = Decoder.Create(o.Architecture.Bitness, code.ToArray());
        int next = 0;
        while (next < relocations.Length)
        {
            // Between instructions: in data among the code, which no compiler makes.
            if (decoder.IP >= (ulong)code.Length)
            {
                found[next] = (relocations[next].Offset + (ulong)o.Architecture.RuleOf(relocations[next].Type)
                    .Width, false);
                next++;
                continue;
            }
            decoder.Decode(out Instruction i);
            for (; next < relocations.Length && relocations[next].Offset < i.NextIP; next++)
                found[next] = (i.NextIP, i.FlowControl is not (FlowControl.Next or FlowControl.Interrupt)
                    && i.Op0Kind is OpKind.NearBranch64 or OpKind.NearBranch32);
        }
        return found;
    }

    private static int FirstAtOrAfter(ElfRelocation[] relocations, ulong offset)
    {
        int low = 0;
        for (int high = relocations.Length; low < high;)
        {
            int middle = (low + high) / 2;
            if (relocations[middle].Offset < offset) low = middle + 1;
            else high = middle;
        }
        return low;
    }
}
