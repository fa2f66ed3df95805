using System.Buffers.Binary;
using Iced.Intel;
using Pannus.Core;
using Pannus.Machines;
using Pannus.Symbols;
using Pannus.Targets;

namespace Pannus.Planning;

/// <summary>An instruction, or an entry of a jump table, that leads to an address.</summary>
/// <param name="Source">Where it is.</param>
/// <param name="Destination">Where it leads.</param>
internal readonly record struct CodeReference(ulong Source, ulong Destination);

/// <summary>
/// What branches where, in the modules of a target. Branches of 32 bits are found in the whole module by one pass over its
/// bytes, which takes what only looks like one for one until a decode of the function shows better; those of 8 bits by a
/// decode of the functions near by.
/// </summary>
internal sealed class CodeReferences(TargetProcess target)
{
    private const int Chunk = 64 << 10, LongestBranch = 6;
    private const ulong ShortReach = 130, LargestDecode = 1 << 20;

    private readonly Dictionary<TargetModule, Targets[]> _targets = [];
    private readonly Dictionary<TargetModule, ulong[]> _patchable = [];

    /// <summary>Where computed gotos lead.</summary>
    public CodeLabels Labels { get; } = new(target);

    /// <summary>The destinations in one executable mapping, a bit for each of its bytes.</summary>
    private sealed record Targets(AddressRange Range, ulong[] Bits)
    {
        public void Add(ulong address) => Bits[(address - Range.Start) >> 6] |= 1ul << (int)((address - Range.Start) & 63);
        public bool Has(ulong address) =>
            Range.Contains(address) && (Bits[(address - Range.Start) >> 6] >> (int)((address - Range.Start) & 63) & 1) != 0;
    }

    /// <summary>A branch into a range, from the function, from the functions near by, or from anywhere in the module.</summary>
    public CodeReference? FindInto(AddressRange range, FunctionCode function, IEnumerable<NearSymbol> near)
    {
        foreach (Instruction i in function.DecodeBody())
            if (Leads(i, range)) return new CodeReference(i.IP, i.NearBranchTarget);
        if (JumpTable.FindInto(target, function, range) is { } entry) return entry;
        if (Labels.FindInto(function, range) is { } label) return label;
        foreach (NearSymbol symbol in near)
        {
            bool isInReach = symbol.Start < range.End + ShortReach && range.Start < symbol.End + ShortReach;
            if (symbol.Start == function.Function.Address || !symbol.IsFunction || symbol.Size > LargestDecode || !isInReach) continue;
            foreach (Instruction i in Decode(symbol))
                if (Leads(i, range)) return new CodeReference(i.IP, i.NearBranchTarget);
        }
        return target.ModuleAt(range.Start) is { } module ? FindFar(module, range) : null;
    }

    /// <summary>The instructions of the module at an address that branch to it, call it or take it.</summary>
    public IReadOnlyList<ulong> To(ulong address)
    {
        if (target.ModuleAt(address) is not { } module) return [];
        if (!_targets.TryGetValue(module, out Targets[]? all)) _targets[module] = all = Collect(module);
        List<ulong> sources = [];
        foreach (Targets mapping in all)
        {
            Scan(mapping.Range, (source, destination) =>
            {
                if (destination == address && IsInstruction(source, destination)) sources.Add(source);
            });
        }
        return sources;
    }

    /// <summary>
    /// The addresses that <c>-fpatchable-function-entry</c> has noted in the module at an address: each begins the NOPs of a
    /// function.
    /// </summary>
    public IReadOnlyList<ulong> PatchableEntries(ulong address)
    {
        if (target.ModuleAt(address) is not { } module) return [];
        if (_patchable.TryGetValue(module, out ulong[]? known)) return known;
        List<ulong> entries = [];
        // A section for each that was linked in when they are ordered; the linker joins them under one name.
        foreach (Elf.SectionHeader section in module.Image.Sections.Where(s => s.Name == "__patchable_function_entries"))
        {
            byte[] table = new byte[Math.Min(section.Size, 1 << 24)];
            int read = target.Memory.Read(module.LoadBias + section.Address, table);
            MachineWord word = target.Architecture.Word;
            for (int at = 0; at + word.Size <= read; at += word.Size) entries.Add(word.Read(table.AsSpan(at)));
        }
        return _patchable[module] = [.. entries];
    }

    /// <summary>Whether an instruction branches to, or calls, an address that stands in it.</summary>
    public static bool IsNearBranch(in Instruction i) => i.Op0Kind is OpKind.NearBranch64 or OpKind.NearBranch32 or OpKind.NearBranch16;

    private static bool Leads(in Instruction i, AddressRange range) => IsNearBranch(i) && range.Contains(i.NearBranchTarget);

    private IEnumerable<Instruction> Decode(NearSymbol symbol) =>
        FunctionCode.FileBytes(target, new AddressRange(symbol.Start, symbol.Size)) is { } bytes
            ? FunctionCode.Decode(target.Architecture.Bitness, bytes, symbol.Start, symbol.Start) : [];

    private CodeReference? FindFar(TargetModule module, AddressRange range)
    {
        if (!_targets.TryGetValue(module, out Targets[]? all)) _targets[module] = all = Collect(module);
        bool isLedTo = false;
        for (ulong at = range.Start; at < range.End && !isLedTo; at++) isLedTo = all.Any(t => t.Has(at));
        if (!isLedTo) return null;
        CodeReference? found = null;
        foreach (Targets mapping in all)
        {
            Scan(mapping.Range, (source, destination) =>
            {
                if (found is null && range.Contains(destination) && IsInstruction(source, destination))
                    found = new CodeReference(source, destination);
            });
        }
        return found;
    }

    private Targets[] Collect(TargetModule module)
    {
        Targets[] all = [.. target.Map.Regions
            .Where(r => r.Start >= module.Start && r.End <= module.End && r.Access.HasFlag(MemoryAccess.Execute))
            .Select(r => new Targets(new AddressRange(r.Start, r.Size), new ulong[(r.Size + 63) / 64]))];
        foreach (Targets mapping in all)
        {
            Scan(mapping.Range, (_, destination) =>
            {
                foreach (Targets t in all)
                    if (t.Range.Contains(destination)) t.Add(destination);
            });
        }
        return all;
    }

    // call, jmp, jcc, and lea of an address that may be called later (which IA-32 has not): all end in the displacement.
    private void Scan(AddressRange range, Action<ulong, ulong> found)
    {
        MachineWord word = target.Architecture.Word;
        byte[] buffer = new byte[Chunk + LongestBranch];
        for (ulong at = range.Start; at < range.End; at += Chunk)
        {
            int wanted = (int)Math.Min((ulong)buffer.Length, range.End - at);
            ReadOnlySpan<byte> bytes = buffer.AsSpan(0, target.Memory.Read(at, buffer.AsSpan(0, wanted)));
            for (int i = 0; i < bytes.Length; i++)
            {
                int opcode = bytes[i] switch
                {
                    X86Jump.Call or X86Jump.Near => 1,
                    0x0f when i + 1 < bytes.Length && (bytes[i + 1] & 0xf0) == 0x80 => 2,
                    0x8d when word.Size == 8 && i + 1 < bytes.Length && (bytes[i + 1] & 0xc7) == 0x05 => 2,
                    _ => 0,
                };
                if (opcode == 0 || i + opcode + 4 > bytes.Length) continue;
                long displacement = BinaryPrimitives.ReadInt32LittleEndian(bytes[(i + opcode)..]);
                ulong source = at + (ulong)i;
                found(source, word.Wrap(source + (ulong)opcode + 4 + (ulong)displacement));
            }
        }
    }

    // Bytes in the middle of an instruction lead nowhere. Where no function is known they count.
    private bool IsInstruction(ulong source, ulong destination)
    {
        NearSymbol owner = SymbolAt.Near(target, new AddressRange(source, 1))
            .FirstOrDefault(s => s.IsFunction && s.Start <= source && source < s.End);
        if (owner.Size is 0 or > LargestDecode) return true;
        foreach (Instruction i in Decode(owner))
        {
            if (i.IsInvalid) return true;
            if (i.NextIP <= source) continue;
            return (IsNearBranch(i) && i.NearBranchTarget == destination)
                || (i.IsIPRelativeMemoryOperand && i.IPRelativeMemoryAddress == destination);
        }
        return true;
    }
}
