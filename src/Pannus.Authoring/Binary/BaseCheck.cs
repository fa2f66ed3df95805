using Iced.Intel;
using Pannus.Authoring.Objects;
using Pannus.Elf;
using Pannus.Machines;

namespace Pannus.Authoring.Binary;

/// <summary>
/// Whether the target runs the code of an object. First the bytes are compared, but those that a linker fills in.
/// Where they differ, instructions are: without <c>-ffunction-sections</c> the assembler knows how far it is to
/// another function of the file, and a linker may replace a load from the GOT by the address itself.
/// </summary>
internal static class BaseCheck
{
    // Before the place: prefixes, opcode, ModRM. After it, where a thread-local address is asked for: the call for
    // that.
    private const int LongestOpcode = 4, LongestRewritten = 8, Slack = 64;

    /// <summary>Whether the code of a function lies at an address of the file.</summary>
    public static bool IsSame(ElfImage file, Atom function, ulong address)
    {
        ReadOnlySpan<byte> code = function.Bytes;
        byte[] there = new byte[code.Length];
        if (code.IsEmpty) return true;
        return (file.TryReadVirtual(address, there) && HasSameBytes(function, code, there))
            || HasSameInstructions(file, function, code, address);
    }

    private static bool HasSameBytes(Atom function, ReadOnlySpan<byte> code, byte[] there)
    {
        byte[] here = code.ToArray();
        foreach (Reference r in function.References)
        {
            RelocationRule rule = function.Object.Architecture.RuleOf(r.Type);
            // A linker that needs no slot after all rewrites the instruction, and keeps its length.
            bool isRewritten = rule.IsThreadLocal || rule.Slot is not (RelocationSlot.None or RelocationSlot.Plt);
            int before = isRewritten ? LongestOpcode : 0, after = isRewritten ? LongestRewritten : 0;
            int end = Math.Min((int)r.Offset + rule.Width + after, here.Length);
            for (int i = Math.Max((int)r.Offset - before, 0); i < end; i++) here[i] = there[i] = 0;
        }
        return here.AsSpan().SequenceEqual(there);
    }

    private static bool HasSameInstructions(ElfImage file, Atom function, ReadOnlySpan<byte> code, ulong address)
    {
        int bitness = function.Object.Architecture.Bitness;
        byte[] there = ReadAsFarAsItGoes(file, address, code.Length + Slack);
        var left = Decoder.Create(bitness, code.ToArray());
        var right = Decoder.Create(bitness, there);
        List<Instruction> before = [.. Meaningful(left)], after = [.. Meaningful(right)];
        if (before.Count > after.Count) return false;
        Dictionary<ulong, int> places = [], placesThere = [];
        for (int i = 0; i < before.Count; i++)
        {
            places[before[i].IP] = i;
            placesThere[after[i].IP] = i;
        }
        HashSet<ulong> linked = [.. function.References.Select(r => r.Offset)];
        for (int i = 0; i < before.Count; i++)
        {
            bool isLinked = false;
            for (ulong at = before[i].IP; at < before[i].NextIP && !isLinked; at++) isLinked = linked.Contains(at);
            if (isLinked) continue;
            if (!IsSame(before[i], after[i], places, placesThere)) return false;
        }
        return true;
    }

    // Padding is as long as it has to be.
    private static IEnumerable<Instruction> Meaningful(Decoder decoder) =>
        decoder.Where(i => i.Mnemonic != Mnemonic.Nop);

    private static bool IsSame(in Instruction a, in Instruction b, Dictionary<ulong, int> places, Dictionary<ulong,
        int> placesThere)
    {
        if (a.Mnemonic != b.Mnemonic || a.OpCount != b.OpCount) return false;
        if (IsBranch(a) && IsBranch(b))
        {
            return places.TryGetValue(a.NearBranchTarget, out int target)
                && placesThere.TryGetValue(b.NearBranchTarget, out int there)
                ? target == there : !places.ContainsKey(a.NearBranchTarget)
                    && !placesThere.ContainsKey(b.NearBranchTarget);
        }
        if (a.MemoryBase != b.MemoryBase || a.MemoryIndex != b.MemoryIndex || a.MemoryIndexScale != b.MemoryIndexScale
            || (!a.IsIPRelativeMemoryOperand && a.MemoryDisplacement64 != b.MemoryDisplacement64)) return false;
        for (int i = 0; i < a.OpCount; i++)
        {
            if (a.GetOpKind(i) != b.GetOpKind(i) || (a.GetOpKind(i) == OpKind.Register
                && a.GetOpRegister(i) != b.GetOpRegister(i))) return false;
            if (a.GetOpKind(i) is >= OpKind.Immediate8 and <= OpKind.Immediate32to64
                && a.GetImmediate(i) != b.GetImmediate(i)) return false;
        }
        return true;
    }

    private static bool IsBranch(in Instruction i) => i.OpCount > 0 && i.Op0Kind is OpKind.NearBranch64
        or OpKind.NearBranch32 or OpKind.NearBranch16;

    private static byte[] ReadAsFarAsItGoes(ElfImage file, ulong address, int length)
    {
        byte[] there = new byte[length];
        while (length > 0 && !file.TryReadVirtual(address, there.AsSpan(0, length))) length -= Math.Max(1, length / 16);
        return there[..length];
    }
}
