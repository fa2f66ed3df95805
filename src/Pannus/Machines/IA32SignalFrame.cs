using System.Buffers.Binary;
using Pannus.Linux;

namespace Pannus.Machines;

/// <summary>
/// The signal frame of a 32-bit thread (arch/x86/include/asm/sigframe.h: <c>struct rt_sigframe_ia32</c>; sigcontext.h).
/// Its x87 state is the legacy one of FSAVE, before the FXSAVE or XSAVE area, of which the kernel takes only the rest.
/// </summary>
internal static class IA32SignalFrame
{
    // struct rt_sigframe_ia32 without pretcode: signal number, two pointers, siginfo, struct ucontext_ia32.
    private const int UcontextAt = 12 + 128, StackFlagsAt = UcontextAt + 12, ContextAt = UcontextAt + 20, ContextWords = 22;
    private const int VectorPointerWord = 19, SignalMaskAt = ContextAt + ContextWords * 4;
    private const int HeaderSize = SignalMaskAt + 8;
    private const int LegacySize = 112; // struct fregs_state: seven words, eight registers of 10 bytes, status and magic.

    private static int VectorsAt => XsaveArea.Align(HeaderSize + LegacySize);

    /// <summary>Bytes that a frame takes, with a vector state of <paramref name="vectorSize"/> bytes.</summary>
    public static int Size(int vectorSize) => VectorsAt + XsaveArea.Align(vectorSize + sizeof(uint));

    /// <summary>Builds the frame; see <see cref="RemoteAbi.BuildFrame"/>.</summary>
    public static void Build(
        Span<byte> frame, ulong address, in X64Registers registers, ulong signalMask, ReadOnlySpan<byte> vectors)
    {
        frame.Clear();
        // Flags that sigaltstack(2) does not know: the kernel then leaves the alternate stack as it is.
        Word(frame, StackFlagsAt, 7);
        ref readonly X64Registers r = ref registers;
        ReadOnlySpan<ulong> words =
        [
            r.Gs, r.Fs, r.Es, r.Ds, r.Rdi, r.Rsi, r.Rbp, r.Rsp, r.Rbx, r.Rdx, r.Rcx, r.Rax, 0, 0, r.Rip, r.Cs & 0xffff, r.Eflags,
            r.Rsp, r.Ss & 0xffff,
        ];
        for (int i = 0; i < words.Length; i++) Word(frame, ContextAt + i * 4, words[i]);
        Word(frame, ContextAt + VectorPointerWord * 4, address + (ulong)(VectorsAt - LegacySize));
        BinaryPrimitives.WriteUInt64LittleEndian(frame[SignalMaskAt..], signalMask);
        BuildLegacy(frame.Slice(VectorsAt - LegacySize, LegacySize), r, vectors);
        XsaveArea.Build(frame[VectorsAt..], vectors, LegacySize);
    }

    // From the FXSAVE area (Intel SDM, volume 1, "FXSAVE Area"): control, status, tags with one bit for each register, opcode,
    // instruction and data pointers, then the registers with 16 bytes each.
    private static void BuildLegacy(Span<byte> legacy, in X64Registers registers, ReadOnlySpan<byte> fxsave)
    {
        ushort Half(ReadOnlySpan<byte> from, int at) => BinaryPrimitives.ReadUInt16LittleEndian(from[at..]);
        uint tags = 0;
        for (int i = 0; i < 8; i++)
            if ((fxsave[4] >> i & 1) == 0) tags |= 3u << (i * 2); // empty; of the others the kernel only wants to know that they are not
        Word(legacy, 0, Half(fxsave, 0) | 0xffff0000u);
        Word(legacy, 4, Half(fxsave, 2) | 0xffff0000u);
        Word(legacy, 8, tags | 0xffff0000u);
        Word(legacy, 12, BinaryPrimitives.ReadUInt32LittleEndian(fxsave[8..]));
        Word(legacy, 16, (registers.Cs & 0xffff) | (uint)Half(fxsave, 6) << 16);
        Word(legacy, 20, BinaryPrimitives.ReadUInt32LittleEndian(fxsave[16..]));
        Word(legacy, 24, (registers.Ds & 0xffff) | 0xffff0000u);
        for (int i = 0; i < 8; i++) fxsave.Slice(32 + i * 16, 10).CopyTo(legacy[(28 + i * 10)..]);
        BinaryPrimitives.WriteUInt16LittleEndian(legacy[108..], Half(fxsave, 2));
        // X86_FXSR_MAGIC, 0: an FXSAVE area follows.
    }

    private static void Word(Span<byte> frame, int offset, ulong value) =>
        BinaryPrimitives.WriteUInt32LittleEndian(frame[offset..], (uint)value);
}
