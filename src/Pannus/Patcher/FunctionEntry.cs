using Iced.Intel;
using Pannus.Resolver;
using Pannus.Target;

namespace Pannus.Patcher;

/// <summary>
/// Where in a function a jump can go. The rules: an <c>endbr64</c> stays, because indirect calls may insist on it; the
/// jump's bytes are the function's own, or padding behind it that belongs to nobody; and no instruction of the function
/// branches into them past the first.
/// </summary>
internal static class FunctionEntry
{
    /// <summary>Bytes of <c>jmp rel32</c>.</summary>
    public const int JumpLength = 5;

    private const int LargestFunction = 1 << 20, LongestEntry = 4 + JumpLength + 15;

    /// <summary>
    /// Address at which the jump goes. Errors: <see cref="PatchErrorId.FunctionTooShort"/>,
    /// <see cref="PatchErrorId.EntryIsBranchTarget"/>, <see cref="PatchErrorId.MemoryInaccessible"/>.
    /// </summary>
    public static ulong FindJumpPlace(TargetProcess target, ResolvedSymbol function)
    {
        byte[] code = new byte[Math.Clamp((long)function.Size, LongestEntry, LargestFunction)];
        int read = target.Memory.Read(function.Address, code);
        if (read < code.Length) code = code[..read];
        var decoder = Decoder.Create(64, new ByteArrayCodeReader(code));
        decoder.IP = function.Address;
        decoder.Decode(out Instruction first);
        ulong place = first.Code == Code.Endbr64 ? first.NextIP : function.Address;
        CheckRoom(target, function, place, code);
        CheckBranches(function, place, code);
        return place;
    }

    // From the jump's first byte on there must be whole instructions, none of which ends the function before the jump's
    // last byte, unless what follows is padding.
    private static void CheckRoom(TargetProcess target, ResolvedSymbol function, ulong place, byte[] code)
    {
        var reader = new ByteArrayCodeReader(code);
        var decoder = Decoder.Create(64, reader);
        decoder.IP = place;
        reader.Position = (int)(place - function.Address);
        bool hasEnded = false;
        if (SymbolAt.StartsIn(target, new AddressRange(place + 1, JumpLength - 1)))
            throw TooShort(function, place, place, "another symbol begins inside");
        while (decoder.IP < place + JumpLength)
        {
            ulong at = decoder.IP;
            bool isBehind = hasEnded || (function.Size > 0 && at >= function.Address + function.Size);
            decoder.Decode(out Instruction instruction);
            if (instruction.IsInvalid) throw TooShort(function, place, at, "what follows is no instruction");
            if (isBehind && !IsPadding(instruction)) throw TooShort(function, place, at, "what follows is not padding");
            // With a size that is known a return in the middle is just a return.
            hasEnded |= function.Size == 0 && EndsFlow(instruction);
        }
    }

    private static void CheckBranches(ResolvedSymbol function, ulong place, byte[] code)
    {
        if (function.Size == 0) return;
        var decoder = Decoder.Create(64, new ByteArrayCodeReader(code, 0, (int)Math.Min((ulong)code.Length, function.Size)));
        decoder.IP = function.Address;
        while (decoder.IP < function.Address + function.Size)
        {
            decoder.Decode(out Instruction instruction);
            if (instruction.IsInvalid) return; // Data among the code: what comes after cannot be told apart.
            if (!IsNearBranch(instruction)) continue;
            ulong to = instruction.NearBranchTarget;
            if (to <= place || to >= place + JumpLength) continue;
            throw new PatchException(PatchErrorId.EntryIsBranchTarget,
                $"{function.Name}: the instruction at +0x{instruction.IP - function.Address:x} branches to +0x{to - function.Address:x}, "
                + "into the bytes that a jump at the entry would overwrite. Patch its callers instead, or point a pointer at the new function.");
        }
    }

    private static bool IsNearBranch(in Instruction i) =>
        i.FlowControl is FlowControl.ConditionalBranch or FlowControl.UnconditionalBranch or FlowControl.Call
        && i.Op0Kind is OpKind.NearBranch64 or OpKind.NearBranch32 or OpKind.NearBranch16;

    private static bool EndsFlow(in Instruction i) => i.FlowControl is FlowControl.Return or FlowControl.UnconditionalBranch
        or FlowControl.IndirectBranch or FlowControl.Exception;

    private static bool IsPadding(in Instruction i) => i.Mnemonic is Mnemonic.Nop or Mnemonic.Int3;

    private static PatchException TooShort(ResolvedSymbol function, ulong place, ulong at, string why) =>
        new(PatchErrorId.FunctionTooShort,
            $"{function.Name} at 0x{function.Address:x} has no room for a jump of {JumpLength} bytes: {why} "
            + $"(+0x{at - function.Address:x}). Patch its callers instead.");
}
