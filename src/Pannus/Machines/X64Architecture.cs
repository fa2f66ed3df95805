using Pannus.Core;

namespace Pannus.Machines;

/// <summary>x86-64 (psABI x86-64).</summary>
internal sealed class X64Architecture : TargetArchitecture
{
    public override string Name => "X64";
    public override string DisplayName => "x86-64";
    public override string CompilerOption => "-m64";
    public override int Bitness => 64;
    public override RemoteAbi Remote { get; } = new X64RemoteAbi();
    public override SyscallNumbers Syscalls => SyscallNumbers.X64;
    public override bool ReachesAll => false;

    public override ulong HighestAddress(MemoryMap map) => 0x7fff_ffff_f000;

    public override uint JumpSlot => X64Relocation.JumpSlot;

    public override RelocationRule RuleOf(uint type) => X64Relocation.Rule(type);

    public override string RelocationName(uint type) => X64Relocation.Name(type);

    public override uint RelocationType(RelocationKind kind) => kind switch
    {
        RelocationKind.Symbol => X64Relocation.GlobDat,
        RelocationKind.PcRelative => X64Relocation.Pc32,
        RelocationKind.ThreadOffset => X64Relocation.TpOff64,
        RelocationKind.TlsModule => X64Relocation.DtpMod64,
        RelocationKind.TlsOffset => X64Relocation.DtpOff64,
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };

    // endbr64; jmp [rip + slot]
    public override ReadOnlySpan<byte> PltEntry(out int slotAt, out RelocationKind kind, out long addend)
    {
        (slotAt, kind, addend) = (6, RelocationKind.PcRelative, -4);
        return [0xf3, 0x0f, 0x1e, 0xfa, 0xff, 0x25];
    }
}
