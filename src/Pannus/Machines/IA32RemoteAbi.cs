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
    public override int GateOffset => IA32Stub.Gate;
    public override int ReturnOffset => IA32Stub.Returned;
    public override uint AuditArchitecture => 0x40000003;

    // asm/unistd_32.h; mmap is mmap2.
    public override long MemfdCreate => 356;
    public override long Ftruncate => 93;
    public override long Mmap => 192;
    public override long Munmap => 91;
    public override long Close => 6;
    public override long RtSigreturn => 173;

    public override ulong MmapOffset(ulong offset) => offset >> PageShift;

    public override bool CanRun(in X64Registers registers) => registers.Cs == X64Registers.User32Cs;

    public override X64Registers Enter(in X64Registers registers, ulong stub, ulong frame) => registers with
    {
        Rip = stub + IA32Stub.Next, Rsp = frame, Rbp = frame, Rsi = 0,
        Rax = 0, OrigRax = ulong.MaxValue, Eflags = registers.Eflags & ~(ulong)(TrapAndDirection | Carry),
    };

    public override X64Registers Call(
        in X64Registers entered, ulong stub, long number, ReadOnlySpan<ulong> arguments, int descriptor, bool keepsResult) =>
        entered with
        {
            Rip = stub + IA32Stub.Gate, OrigRax = (ulong)number, Rbx = arguments[0], Rcx = arguments[1], Rdx = arguments[2],
            Rsi = number == Close ? IA32Stub.HasClosed : arguments[3], Rdi = arguments[4], Rbp = arguments[5],
            Eflags = entered.Eflags | (keepsResult ? Carry : 0u),
        };

    public override X64Registers Function(in X64Registers entered, ulong function, ulong stack) =>
        entered with { Rip = function, Rsp = stack };

    public override ulong FunctionResult(in X64Registers registers) => (uint)registers.Rdi;

    public override ulong ThreadPointer(in X64Registers registers) => registers.GsBase;

    public override int FrameSize(int vectorSize) => IA32SignalFrame.Size(vectorSize);

    public override void BuildFrame(
        Span<byte> frame, ulong address, in X64Registers registers, ulong signalMask, ReadOnlySpan<byte> vectors) =>
        IA32SignalFrame.Build(frame, address, registers, signalMask, vectors);
}
