using Pannus.Core;

namespace Pannus.Machines;

/// <summary>IA-32 (psABI i386): 32-bit programs under a 64-bit kernel.</summary>
internal sealed class IA32Architecture : TargetArchitecture
{
    private const ulong ThreeGiB = 0xc000_0000, EndOfUserSpace = 0xffff_e000; // IA32_PAGE_OFFSET (asm/page_64_types.h)

    public override string Name => "X86";
    public override string DisplayName => "IA-32";
    public override string CompilerOption => "-m32";
    public override int Bitness => 32;
    public override RemoteAbi Remote { get; } = new IA32RemoteAbi();
    public override SyscallNumbers Syscalls => SyscallNumbers.IA32;

    // The program counter wraps at 4 GiB.
    public override bool ReachesAll => true;

    // A personality of 3 GiB (ADDR_LIMIT_3GB, personality(2)) shows in where the stack is, which is at the end of it all.
    public override ulong HighestAddress(MemoryMap map)
    {
        foreach (MemoryRegion region in map.Regions)
            if (region.Path == "[stack]" && region.End <= ThreeGiB) return ThreeGiB;
        return EndOfUserSpace;
    }

    public override uint JumpSlot => IA32Relocation.JumpSlot;

    public override RelocationRule RuleOf(uint type) => IA32Relocation.Rule(type);

    // A reference to the GOT is relative to it when the instruction has a base register, and else absolute, which the ModRM
    // byte before the place tells (psABI i386, "Relocation"). A call or jump that is not position-independent says no more than
    // its distance, and may need a PLT nevertheless.
    public override RelocationRule RuleOf(uint type, ReadOnlySpan<byte> code, ulong offset)
    {
        RelocationRule rule = RuleOf(type);
        if (offset == 0 || offset > (ulong)code.Length) return rule;
        byte before = code[(int)offset - 1];
        return type switch
        {
            IA32Relocation.Got32 or IA32Relocation.Got32X when (before & 0xc7) == 0x05 => rule with { Kind = RelocationKind.Absolute },
            IA32Relocation.Pc32 when X86Jump.IsNearBranch(before) => rule with { Slot = RelocationSlot.Plt },
            _ => rule,
        };
    }

    public override string RelocationName(uint type) => IA32Relocation.Name(type);

    public override uint RelocationType(RelocationKind kind) => kind switch
    {
        RelocationKind.Symbol => IA32Relocation.GlobDat,
        RelocationKind.Absolute => IA32Relocation.Abs32,
        RelocationKind.PcRelative => IA32Relocation.Pc32,
        RelocationKind.GotRelative => IA32Relocation.GotOff,
        RelocationKind.ThreadOffset => IA32Relocation.TpOff,
        RelocationKind.NegatedThreadOffset => IA32Relocation.TpOff32,
        RelocationKind.TlsModule => IA32Relocation.DtpMod32,
        RelocationKind.TlsOffset => IA32Relocation.DtpOff32,
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };

    // endbr32; jmp [slot]
    public override ReadOnlySpan<byte> PltEntry(out int slotAt, out RelocationKind kind, out long addend)
    {
        (slotAt, kind, addend) = (6, RelocationKind.Absolute, 0);
        return [0xf3, 0x0f, 0x1e, 0xfb, 0xff, 0x25];
    }
}
