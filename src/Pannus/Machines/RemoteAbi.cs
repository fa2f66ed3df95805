using Pannus.Core;
using Pannus.Linux;

namespace Pannus.Machines;

/// <summary>
/// How a thread of a target is borrowed: the code that it runs, the syscalls it makes, and the signal frame that takes
/// it home. What a remote call needs to know of a machine, and nothing else.
/// </summary>
internal abstract class RemoteAbi
{
    /// <summary>Words of a record of the list: syscall number, six arguments, flags, result.</summary>
    public const int RecordWords = 9, ResultWord = 8;

    /// <summary>What the list consists of.</summary>
    public abstract MachineWord Word { get; }

    /// <summary>Size of one record of the list in bytes.</summary>
    public int RecordSize => RecordWords * Word.Size;

    /// <summary>Offset of the result in a record.</summary>
    public int ResultOffset => ResultWord * Word.Size;

    /// <summary>
    /// The machine code that a borrowed thread runs: it goes through a list of syscalls, keeps each result in the list, and
    /// ends in rt_sigreturn(2), which takes the thread back to where it was even when nobody is left to watch over it. It
    /// depends on no address, so that it runs anywhere.
    /// </summary>
    public abstract ReadOnlySpan<byte> Stub { get; }

    /// <summary>A result that no syscall gives: the record has not run.</summary>
    public abstract ulong NotYetRun { get; }

    /// <summary>Stands where the next record's number would, after the last one.</summary>
    public ulong EndOfList => ulong.MaxValue;

    /// <summary>Numbers of syscalls.</summary>
    public abstract long MemfdCreate { get; }
#pragma warning disable CS1591 // Named as the syscalls are.
    public abstract long Ftruncate { get; }
    public abstract long Mmap { get; }
    public abstract long Munmap { get; }
    public abstract long Close { get; }
    public abstract long Pselect6 { get; }
#pragma warning restore CS1591

    /// <summary>The last argument of <see cref="Mmap"/> for an offset in bytes.</summary>
    public abstract ulong MmapOffset(ulong offset);

    /// <summary>The value of a result; below 0 it is -errno.</summary>
    public abstract long ToResult(ulong word);

    /// <summary>Whether a thread with these registers runs code of this machine.</summary>
    public abstract bool CanRun(in X64Registers registers);

    /// <summary>Registers that make a thread run the stub over a list, with a frame to go home by.</summary>
    public abstract X64Registers StubRegisters(in X64Registers registers, ulong stub, ulong list, ulong frame);

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
