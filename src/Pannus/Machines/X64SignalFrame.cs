using System.Buffers.Binary;
using Pannus.Linux;

namespace Pannus.Machines;

/// <summary>
/// What the kernel itself would have put on a thread's stack had it delivered a signal there: from it rt_sigreturn(2)
/// restores every register, the vector state and the signal mask (arch/x86/include/asm/sigframe.h, sigcontext.h).
/// </summary>
internal static class X64SignalFrame
{
    // struct rt_sigframe without pretcode, which rt_sigreturn does not look at: struct ucontext.
    private const int StackFlagsAt = 24, ContextAt = 40, SignalMaskAt = ContextAt + 256;
    private const int UcontextSize = SignalMaskAt + 8;
    private const ulong UcFpXstate = 1, UcSigcontextSs = 2, UcStrictRestoreSs = 4;

    /// <summary>Bytes that a frame takes, with a vector state of <paramref name="vectorSize"/> bytes.</summary>
    public static int Size(int vectorSize) => XsaveArea.Align(UcontextSize) + XsaveArea.Align(vectorSize + sizeof(uint));

    /// <summary>Builds the frame; see <see cref="RemoteAbi.BuildFrame"/>.</summary>
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
        ulong vectorsAt = (ulong)XsaveArea.Align(UcontextSize);
        Word(frame, ContextAt + 23 * 8, address + vectorsAt);
        Word(frame, SignalMaskAt, signalMask);

        XsaveArea.Build(frame[(int)vectorsAt..], vectors);
    }

    private static void Word(Span<byte> frame, int offset, ulong value) =>
        BinaryPrimitives.WriteUInt64LittleEndian(frame[offset..], value);
}
