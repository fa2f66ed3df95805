using System.Buffers.Binary;
using Iced.Intel;
using Pannus.Core;
using Pannus.Images;
using Pannus.Targets;

namespace Pannus.Planning;

/// <summary>
/// The instructions that a jump overwrites at a function's entry, in another place: with what is relative to their address
/// encoded anew, and a jump to what comes behind them. Begins with the function's <c>endbr64</c>, for calls by pointer.
/// </summary>
internal sealed class OriginalCode(TargetProcess target, FunctionEntry entry, CodeLabels labels)
{
    /// <summary>Bytes that are enough for a trampoline.</summary>
    public const int LongestTrampoline = 128;

    private const int AddressSize = 8;

    private readonly FunctionCode _code = entry.Code;
    private readonly Instruction[] _overwritten = [.. entry.Overwritten];

    private ulong Behind => _overwritten[^1].NextIP;

    /// <summary>The code for an address. Errors as of <see cref="OriginalFunctions.Write"/>.</summary>
    public byte[] MoveTo(ulong address)
    {
        CheckKnown();
        CheckNotLoopedTo();
        List<Instruction> block = [];
        int bitness = target.Architecture.Bitness;
        if (_code.Place != _code.Function.Address) block.Add(Instruction.Create(bitness == 64 ? Code.Endbr64 : Code.Endbr32));
        ulong literal = address + LongestTrampoline - AddressSize;
        foreach (Instruction i in _overwritten)
        {
            if (i.FlowControl is FlowControl.Call or FlowControl.IndirectCall) block.AddRange(AsJump(i, literal));
            else block.Add(i);
        }
        // Without addresses of their own no branch to the function, such as a recursive call, is taken for one to its copy.
        block = [.. block.Select(i => i with { IP = 0 })];
        block.Add(Jump(Behind));
        var writer = new Writer();
        if (!BlockEncoder.TryEncode(bitness, new InstructionBlock(writer, block, address), out string? error, out _))
        {
            throw new PatchException(PatchErrorId.NoAddressSpace,
                $"{Name} cannot be moved into the patch's memory at 0x{address:x}: {error}. What its first bytes refer to is more than 2 GiB "
                + "away. Make its J the first command: the patch lies by that, or use a patch of its own for it.");
        }
        if (writer.Length > LongestTrampoline - AddressSize) throw Refused("its first bytes take too much room elsewhere");
        byte[] code = new byte[LongestTrampoline];
        writer.CopyTo(code);
        BinaryPrimitives.WriteUInt64LittleEndian(code.AsSpan(LongestTrampoline - AddressSize), Behind);
        return code;
    }

    private string Name => _code.Function.Name + PatchCommandSet.OriginalSuffix;

    // A call that is overwritten is the last thing to be, or its return would lead into the jump. It returns behind itself
    // into the function, where unwinders know their way, and code that reads its own address from it: push that, and jump.
    private Instruction[] AsJump(Instruction call, ulong literal)
    {
        if (call.NextIP != Behind) throw Refused($"a call at +0x{call.IP - _code.Function.Address:x} would return into the overwritten bytes");
        // The push moves what lies relative to the stack pointer.
        if (call.MemoryBase is Register.RSP or Register.ESP || (call.Op0Kind == OpKind.Register && call.Op0Register is Register.RSP or Register.ESP))
            throw Refused("its entry calls what lies on the stack");
        Instruction push = target.Architecture.Bitness == 64
            ? Instruction.Create(Code.Push_rm64, new MemoryOperand(Register.RIP, (long)literal)) : Instruction.Create(Code.Pushd_imm32, (int)Behind);
        if (CodeReferences.IsNearBranch(call)) return [push, Jump(call.NearBranchTarget)];
        Instruction jump = call;
        jump.Code = call.Code switch
        {
            Code.Call_rm64 => Code.Jmp_rm64,
            Code.Call_rm32 => Code.Jmp_rm32,
            _ => throw Refused("its entry has a far call"),
        };
        return [push, jump];
    }

    private Instruction Jump(ulong destination) =>
        Instruction.CreateBranch(target.Architecture.Bitness == 64 ? Code.Jmp_rel32_64 : Code.Jmp_rel32_32, destination);

    // Without the file what an earlier jump has overwritten is not known.
    private void CheckKnown()
    {
        Instruction first = _overwritten[0];
        if (_code.IsOwn || !CodeReferences.IsNearBranch(first)) return;
        if (target.Map.Find(first.NearBranchTarget) is { } region && MountName.FromRegion(region) is { } patch)
        {
            throw new PatchException(PatchErrorId.CodeChanged,
                $"{Name}: the function's own code is not known: {patch} has overwritten it, and the file that it came from cannot be "
                + "read. Undo that patch first.");
        }
    }

    private void CheckNotLoopedTo()
    {
        foreach (Instruction i in _code.DecodeBody())
        {
            bool isLoop = CodeReferences.IsNearBranch(i) && i.FlowControl != FlowControl.Call
                && (i.NearBranchTarget == _code.Place || i.NearBranchTarget == _code.Function.Address);
            if (isLoop) throw Refused($"the function loops to its entry from +0x{i.IP - _code.Function.Address:x}, where the patch's jump will be");
        }
        if (JumpTable.FindInto(target, _code, new AddressRange(_code.Place, 1)) is not null)
            throw Refused("a jump table of the function leads to its entry, where the patch's jump will be");
        if (labels.FindInto(_code, new AddressRange(_code.Place, 1)) is not null)
            throw Refused("a computed goto of the function may lead to its entry, where the patch's jump will be");
    }

    private PatchException Refused(string why) => new(PatchErrorId.EntryIsBranchTarget,
        $"{Name} cannot be had: {why}. Write the patch without calling the original.");

    private sealed class Writer : CodeWriter
    {
        private readonly List<byte> _bytes = [];
        public int Length => _bytes.Count;
        public override void WriteByte(byte value) => _bytes.Add(value);
        public void CopyTo(byte[] destination) => _bytes.CopyTo(destination);
    }
}
