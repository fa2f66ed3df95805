using System.Buffers.Binary;
using Pannus.Interop;

namespace Pannus.Loader;

/// <summary>
/// What the kernel itself would have put on a thread's stack had it delivered a signal there: from it rt_sigreturn(2)
/// restores every register, the vector state and the signal mask (arch/x86/include/asm/sigframe.h, sigcontext.h).
/// </summary>
internal static class SignalFrame
{
    // struct rt_sigframe without pretcode, which rt_sigreturn does not look at: struct ucontext.
    private const int StackFlagsAt = 24, ContextAt = 40, SignalMaskAt = ContextAt + 256;
    private const int UcontextSize = SignalMaskAt + 8;
    private const int SoftwareReservedAt = 464;
    private const uint Magic1 = 0x46505853, Magic2 = 0x46505845;
    private const ulong UcFpXstate = 1, UcSigcontextSs = 2, UcStrictRestoreSs = 4;
    private const int FxsaveSize = 512;

    /// <summary>Bytes that a frame takes, with a vector state of <paramref name="vectorSize"/> bytes.</summary>
    public static int Size(int vectorSize) => Align(UcontextSize) + Align(vectorSize + sizeof(uint));

    /// <summary>
    /// Builds the frame for a thread with these registers.
    /// </summary>
    /// <param name="frame">Where to build it; <see cref="Size"/> bytes.</param>
    /// <param name="address">Where it will lie in the target: 64-byte aligned. rsp must point there at rt_sigreturn.</param>
    /// <param name="registers">What to go back to.</param>
    /// <param name="signalMask">Signal mask to go back to.</param>
    /// <param name="vectors">The XSAVE area (NT_X86_XSTATE), or a bare 512-byte FXSAVE area.</param>
    public static void Build(
        Span<byte> frame, ulong address, in X64Registers registers, ulong signalMask, ReadOnlySpan<byte> vectors)
    {
        frame.Clear();
        Word(frame, 0, UcFpXstate | UcSigcontextSs | UcStrictRestoreSs);
        // Flags that sigaltstack(2) does not know: the kernel then leaves the alternate stack as it is.
        Word(frame, StackFlagsAt, 7);

        ref readonly X64Registers r = ref registers;
        ReadOnlySpan<ulong> words =
        [
            r.R8, r.R9, r.R10, r.R11, r.R12, r.R13, r.R14, r.R15, r.Rdi, r.Rsi, r.Rbp, r.Rbx, r.Rdx, r.Rax, r.Rcx, r.Rsp,
            r.Rip, r.Eflags, (r.Cs & 0xffff) | (r.Gs & 0xffff) << 16 | (r.Fs & 0xffff) << 32 | (r.Ss & 0xffff) << 48,
        ];
        for (int i = 0; i < words.Length; i++) Word(frame, ContextAt + i * 8, words[i]);
        // err, trapno, oldmask and cr2 stay 0.
        ulong vectorsAt = (ulong)Align(UcontextSize);
        Word(frame, ContextAt + 23 * 8, address + vectorsAt);
        Word(frame, SignalMaskAt, signalMask);

        Span<byte> state = frame[(int)vectorsAt..];
        vectors.CopyTo(state);
        if (vectors.Length <= FxsaveSize) return;
        // struct _fpx_sw_bytes: tells the kernel that more than the FXSAVE area follows. The XCR0 mask that ptrace
        // leaves at its start is the mask of features to restore.
        ulong features = BinaryPrimitives.ReadUInt64LittleEndian(vectors[SoftwareReservedAt..]);
        Span<byte> software = state.Slice(SoftwareReservedAt, 48);
        software.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(software, Magic1);
        BinaryPrimitives.WriteUInt32LittleEndian(software[4..], (uint)vectors.Length + sizeof(uint));
        BinaryPrimitives.WriteUInt64LittleEndian(software[8..], features);
        BinaryPrimitives.WriteUInt32LittleEndian(software[16..], (uint)vectors.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(state[vectors.Length..], Magic2);
    }

    private static void Word(Span<byte> frame, int offset, ulong value) =>
        BinaryPrimitives.WriteUInt64LittleEndian(frame[offset..], value);

    private static int Align(int size) => (size + 63) & ~63;
}
