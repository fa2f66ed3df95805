using Pannus.Core;
using Pannus.Linux;

namespace Pannus.Machines;

/// <summary>Remote calls in 64-bit threads.</summary>
internal sealed class X64RemoteAbi : RemoteAbi
{
    private const ulong User64Cs = 0x33; // asm/segment.h

    public override MachineWord Word => new(8);
    public override ReadOnlySpan<byte> Stub => X64Stub.Code;
    public override ulong NotYetRun => 0xffff_dead_ffff_dead;

    // asm/unistd_64.h
    public override long MemfdCreate => Syscall.MemfdCreate;
    public override long Ftruncate => Syscall.Ftruncate;
    public override long Mmap => Syscall.Mmap;
    public override long Munmap => Syscall.Munmap;
    public override long Close => Syscall.Close;
    public override long Pselect6 => Syscall.Pselect6;

    public override ulong MmapOffset(ulong offset) => offset;

    public override long ToResult(ulong word) => (long)word;

    public override bool CanRun(in X64Registers registers) => registers.Cs == User64Cs;

    public override X64Registers StubRegisters(in X64Registers registers, ulong stub, ulong list, ulong frame) => registers with
    {
        Rip = stub, Rsp = list, Rbx = list, Rbp = frame, R12 = ulong.MaxValue, R13 = 0,
        Rax = 0, OrigRax = ulong.MaxValue, Eflags = registers.Eflags & ~X64Registers.TrapAndDirectionFlags,
    };

    public override ulong ThreadPointer(in X64Registers registers) => registers.FsBase;

    public override int FrameSize(int vectorSize) => X64SignalFrame.Size(vectorSize);

    public override void BuildFrame(
        Span<byte> frame, ulong address, in X64Registers registers, ulong signalMask, ReadOnlySpan<byte> vectors) =>
        X64SignalFrame.Build(frame, address, registers, signalMask, vectors);
}
