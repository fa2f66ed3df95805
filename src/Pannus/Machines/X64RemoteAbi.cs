using Pannus.Core;
using Pannus.Linux;

namespace Pannus.Machines;

/// <summary>Remote calls in 64-bit threads.</summary>
internal sealed class X64RemoteAbi : RemoteAbi
{
    private const ulong User64Cs = 0x33; // asm/segment.h

    public override MachineWord Word => new(8);
    public override ReadOnlySpan<byte> Stub => X64Stub.Code;
    public override int GateOffset => X64Stub.Gate;
    public override int ReturnOffset => X64Stub.Returned;
    public override uint AuditArchitecture => 0xc000003e;

    // asm/unistd_64.h
    public override long MemfdCreate => Syscall.MemfdCreate;
    public override long Ftruncate => Syscall.Ftruncate;
    public override long Mmap => Syscall.Mmap;
    public override long Munmap => Syscall.Munmap;
    public override long Close => Syscall.Close;
    public override long RtSigreturn => 15;

    public override ulong MmapOffset(ulong offset) => offset;

    public override bool CanRun(in X64Registers registers) => registers.Cs == User64Cs;

    public override X64Registers Enter(in X64Registers registers, ulong stub, ulong frame) => registers with
    {
        Rip = stub + X64Stub.Next, Rsp = frame, Rbp = frame, R12 = ulong.MaxValue, R13 = 0,
        Rax = 0, OrigRax = ulong.MaxValue, Eflags = registers.Eflags & ~(ulong)TrapAndDirection,
    };

    public override X64Registers Call(
        in X64Registers entered, ulong stub, long number, ReadOnlySpan<ulong> arguments, int descriptor, bool keepsResult) =>
        entered with
        {
            Rip = stub + X64Stub.Gate, OrigRax = (ulong)number, Rdi = arguments[0], Rsi = arguments[1], Rdx = arguments[2],
            R10 = arguments[3], R8 = arguments[4], R9 = arguments[5], R12 = (ulong)descriptor, R13 = keepsResult ? 1u : 0,
        };

    public override X64Registers Function(in X64Registers entered, ulong function, ulong stack) =>
        entered with { Rip = function, Rsp = stack };

    public override ulong FunctionResult(in X64Registers registers) => registers.Rbx;

    public override ulong ThreadPointer(in X64Registers registers) => registers.FsBase;

    public override int FrameSize(int vectorSize) => X64SignalFrame.Size(vectorSize);

    public override void BuildFrame(
        Span<byte> frame, ulong address, in X64Registers registers, ulong signalMask, ReadOnlySpan<byte> vectors) =>
        X64SignalFrame.Build(frame, address, registers, signalMask, vectors);
}
