using Iced.Intel;
using Pannus.Core;
using Pannus.Machines;
using Pannus.Symbols;
using Pannus.Targets;

namespace Pannus.Planning;

/// <summary>
/// Decides how a function's entry is overwritten, in this order: as an earlier patch has done it; over the NOPs of
/// <c>-fpatchable-function-entry</c>; by five bytes; by two bytes that jump to five in padding near by.
/// </summary>
internal sealed class EntryPlanner(TargetProcess target)
{
    private readonly CodeReferences _references = new(target);
    private readonly List<AddressRange> _taken = [];
    private readonly Dictionary<ulong, FunctionEntry> _found = [];

    /// <summary>Where computed gotos lead.</summary>
    public CodeLabels Labels => _references.Labels;

    /// <summary>
    /// Errors: <see cref="PatchErrorId.FunctionTooShort"/>, <see cref="PatchErrorId.EntryIsBranchTarget"/>,
    /// <see cref="PatchErrorId.CodeChanged"/>, <see cref="PatchErrorId.MemoryInaccessible"/>.
    /// </summary>
    public FunctionEntry Find(ResolvedSymbol function)
    {
        if (!_found.TryGetValue(function.Address, out FunctionEntry? known)) _found[function.Address] = known = Decide(function);
        return known;
    }

    private FunctionEntry Decide(ResolvedSymbol function)
    {
        FunctionCode code = FunctionCode.Read(target, function);
        if (code.IsPatched && PaddingJumpInForce(code) is { } known) return new FunctionEntry { Code = code, PaddingJump = known };
        IReadOnlyList<NearSymbol> near = SymbolAt.Near(target, Padding.Around(code));
        var padding = new Padding(target, code, near, _references, _taken);
        if (!code.IsPatched && NopsAt(code) is >= FunctionEntry.ShortJumpLength and < FunctionEntry.JumpLength
            && Refusal(code, FunctionEntry.ShortJumpLength, near) is null && padding.FindBefore() is { } before)
        {
            return ByPaddingJump(code, before);
        }
        if (Refusal(code, FunctionEntry.JumpLength, near) is not { } refusal)
        {
            // A patcher that dies between the pages of a write leaves half a jump: rather two bytes, which lie in one.
            return !code.IsPatched && Page.IsCrossed(code.Place, FunctionEntry.JumpLength) && !Page.IsCrossed(code.Place, FunctionEntry.ShortJumpLength)
                && padding.FindNearest() is { } whole && !Page.IsCrossed(whole, FunctionEntry.JumpLength)
                ? ByPaddingJump(code, whole) : new FunctionEntry { Code = code };
        }
        if (!code.IsPatched && Refusal(code, FunctionEntry.ShortJumpLength, near) is null && padding.FindNearest() is { } paddingJump)
            return ByPaddingJump(code, paddingJump);
        throw refusal;
    }

    private FunctionEntry ByPaddingJump(FunctionCode code, ulong paddingJump)
    {
        _taken.Add(new AddressRange(paddingJump, FunctionEntry.JumpLength));
        return new FunctionEntry { Code = code, PaddingJump = paddingJump };
    }

    // A jump of two bytes to one of five that is in no function.
    private ulong? PaddingJumpInForce(FunctionCode code)
    {
        Span<byte> jump = stackalloc byte[FunctionEntry.JumpLength];
        if (target.Memory.Read(code.Place, jump[..2]) != 2 || jump[0] != X86Jump.Short) return null;
        ulong paddingJump = X86Jump.Destination(code.Place, jump)!.Value;
        return target.Memory.Read(paddingJump, jump) == jump.Length && jump[0] == X86Jump.Near ? paddingJump : null;
    }

    private static int NopsAt(FunctionCode code) => (int)code.Decode(code.Place)
        .TakeWhile(i => i.Mnemonic == Mnemonic.Nop).Sum(i => i.Length);

    // Why this many bytes cannot be overwritten; null when they can.
    private PatchException? Refusal(FunctionCode code, int length, IReadOnlyList<NearSymbol> near)
    {
        var rest = new AddressRange(code.Place + 1, (ulong)length - 1);
        if (near.Where(s => rest.Contains(s.Start)).Select(s => (ulong?)s.Start).Min() is { } inside)
            return TooShort(code, length, inside, "another symbol begins inside");
        // From the first byte on there must be whole instructions, none of which ends the function before the last byte,
        // unless what follows is padding. With a size that is known a return in the middle is just a return.
        bool hasEnded = false;
        ulong end = code.Place;
        foreach (Instruction i in code.Decode(code.Place).TakeWhile(i => i.IP < rest.End))
        {
            bool isBehind = hasEnded || (code.Function.Size > 0 && i.IP >= code.End);
            if (i.IsInvalid) return TooShort(code, length, i.IP, "what follows is no instruction");
            if (isBehind && !FunctionCode.IsPadding(i)) return TooShort(code, length, i.IP, "what follows is not padding");
            end = i.NextIP;
            hasEnded |= code.Function.Size == 0 && FunctionCode.EndsFlow(i);
        }
        if (end < rest.End) return TooShort(code, length, end, "the executable memory ends");
        return _references.FindInto(rest, code, near) is { } from ? BranchedInto(code, from) : null;
    }

    private PatchException BranchedInto(FunctionCode code, CodeReference from)
    {
        string at = from.Source - code.Function.Address < Math.Max(code.Function.Size, 1)
            ? $"the instruction at +0x{from.Source - code.Function.Address:x}" : SymbolAt.Describe(target, from.Source);
        return new PatchException(PatchErrorId.EntryIsBranchTarget,
            $"{code.Function.Name}: {at} branches to +0x{from.Destination - code.Function.Address:x}, into the bytes that a jump "
            + "at the entry would overwrite. Patch its callers instead, or point a pointer at the new function.");
    }

    private static PatchException TooShort(FunctionCode code, int length, ulong at, string why) => new(PatchErrorId.FunctionTooShort,
        $"{code.Function.Name} at 0x{code.Function.Address:x} has no room for a jump of {length} bytes: {why} "
        + $"(+0x{at - code.Function.Address:x}), and there is no padding in reach of a shorter one. Patch its callers instead.");
}
