using Pannus.Core;
using Pannus.Linux;

namespace Pannus.Machines;

/// <summary>
/// Remote calls in 32-bit threads of a 64-bit kernel. ptrace(2) shows and takes their registers in 64-bit form, as this
/// process is a 64-bit one; syscalls go by int 0x80.
/// </summary>
internal sealed class IA32RemoteAbi : RemoteAbi
{
    private const int PageShift = 12;

    public override MachineWord Word => new(4);
    public override ReadOnlySpan<byte> Stub => IA32Stub.Code;
    public override ulong NotYetRun => 0xffff_dead;

    // asm/unistd_32.h; mmap is mmap2.
    public override long MemfdCreate => 356;
    public override long Ftruncate => 93;
    public override long Mmap => 192;
    public override long Munmap => 91;
    public override long Close => 6;
    public override long Pselect6 => 308;

    public override ulong MmapOffset(ulong offset) => offset >> PageShift;

    public override long ToResult(ulong word) => (int)word is < 0 and > -4096 and var error ? error : (long)word;

    public override bool CanRun(in X64Registers registers) => registers.Cs == X64Registers.User32Cs;

    public override X64Registers StubRegisters(in X64Registers registers, ulong stub, ulong list, ulong frame) => registers with
    {
        Rip = stub, Rsp = list, Rbx = list, Rbp = frame,
        Rax = 0, OrigRax = ulong.MaxValue, Eflags = registers.Eflags & ~X64Registers.TrapAndDirectionFlags,
    };

    public override ulong ThreadPointer(in X64Registers registers) => registers.GsBase;

    public override int FrameSize(int vectorSize) => IA32SignalFrame.Size(vectorSize);

    public override void BuildFrame(
        Span<byte> frame, ulong address, in X64Registers registers, ulong signalMask, ReadOnlySpan<byte> vectors) =>
        IA32SignalFrame.Build(frame, address, registers, signalMask, vectors);
}
