using Pannus.Core;
using Pannus.Linux;

namespace Pannus.Machines;

/// <summary>
/// How a thread of a target is borrowed: the code that it runs, the syscalls it makes, and the signal frame that takes
/// it home. What a remote call needs to know of a machine, and nothing else.
/// </summary>
internal abstract class RemoteAbi
{
    private protected const int TrapAndDirection = 0x100 | 0x400, Carry = 1;

    /// <summary>What addresses and arguments consist of.</summary>
    public abstract MachineWord Word { get; }

    /// <summary>
    /// The machine code that a borrowed thread runs: a loop around one syscall instruction, the gate. What the thread would
    /// call there by itself takes it home: close(2) if it holds a descriptor, then rt_sigreturn(2). The tracer puts another
    /// call in the place of that one, when the thread has stopped in it. The code depends on no address, and runs anywhere.
    /// </summary>
    public abstract ReadOnlySpan<byte> Stub { get; }

    /// <summary>Offset of the gate's end in <see cref="Stub"/>: where the program counter is when the thread has stopped in it.</summary>
    public abstract int GateOffset { get; }

    /// <summary>Offset in <see cref="Stub"/> to which a called function returns.</summary>
    public abstract int ReturnOffset { get; }

    /// <summary>AUDIT_ARCH_* of the gate's syscalls (linux/audit.h): which table their numbers belong to.</summary>
    public abstract uint AuditArchitecture { get; }

    /// <summary>Numbers of syscalls.</summary>
    public abstract long MemfdCreate { get; }
#pragma warning disable CS1591 // Named as the syscalls are.
    public abstract long Ftruncate { get; }
    public abstract long Mmap { get; }
    public abstract long Munmap { get; }
    public abstract long Close { get; }
    public abstract long RtSigreturn { get; }
#pragma warning restore CS1591

    /// <summary>The last argument of <see cref="Mmap"/> for an offset in bytes.</summary>
    public abstract ulong MmapOffset(ulong offset);

    /// <summary>Whether a thread with these registers runs code of this machine.</summary>
    public abstract bool CanRun(in X64Registers registers);

    /// <summary>Registers that make a thread enter the stub, with a frame to go home by.</summary>
    public abstract X64Registers Enter(in X64Registers registers, ulong stub, ulong frame);

    /// <summary>
    /// Registers of a thread in the gate that make it call what a step says. <paramref name="descriptor"/> is what it closes
    /// on its way home; with <paramref name="keepsResult"/> that is the result of this very call.
    /// </summary>
    public abstract X64Registers Call(
        in X64Registers entered, ulong stub, long number, ReadOnlySpan<ulong> arguments, int descriptor, bool keepsResult);

    /// <summary>
    /// Registers of a thread in the gate that make it call a function and nothing in the kernel. At
    /// <paramref name="stack"/> lies the address that the function returns to.
    /// </summary>
    public abstract X64Registers Function(in X64Registers entered, ulong function, ulong stack);

    /// <summary>The result of a function, by the registers of the thread when it is in the gate again.</summary>
    public abstract ulong FunctionResult(in X64Registers registers);

    /// <summary>Where the thread's control block lies, which the C library puts at the upper end of the thread's stack.</summary>
    public abstract ulong ThreadPointer(in X64Registers registers);

    /// <summary>Bytes that a signal frame takes, with a vector state of <paramref name="vectorSize"/> bytes.</summary>
    public abstract int FrameSize(int vectorSize);

    /// <summary>
    /// Builds what the kernel itself would have put on a thread's stack had it delivered a signal there, less the return
    /// address, which rt_sigreturn(2) does not look at.
    /// </summary>
    /// <param name="frame">Where to build it; <see cref="FrameSize"/> bytes.</param>
    /// <param name="address">Where it will lie in the target: 64-byte aligned. The stack pointer must point there at rt_sigreturn.</param>
    /// <param name="registers">What to go back to.</param>
    /// <param name="signalMask">Signal mask to go back to.</param>
    /// <param name="vectors">The XSAVE area (NT_X86_XSTATE), or a bare 512-byte FXSAVE area.</param>
    public abstract void BuildFrame(
        Span<byte> frame, ulong address, in X64Registers registers, ulong signalMask, ReadOnlySpan<byte> vectors);
}
