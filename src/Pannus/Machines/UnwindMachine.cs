using System.Buffers.Binary;
using Pannus.Core;

namespace Pannus.Machines;

/// <summary>
/// What unwinding has to know of a machine: register numbers are those of its psABI's DWARF mapping (x86-64, figure 3.36;
/// i386, table 2.14, as .eh_frame has them on Linux).
/// </summary>
internal sealed class UnwindMachine
{
    public const int MostRegisters = 17;

    // USER_CS, USER32_CS and USER_DS (asm/segment.h).
    private const ushort UserCode64 = 0x33, UserCode32 = 0x23, UserData = 0x2b;
    private const ulong UserSegments64 = UserCode64 | (ulong)UserData << 48;

    // struct sigcontext (asm/sigcontext.h), by position in words, and by DWARF number of the register that lies there.
    private readonly int[] _signalContext;
    private readonly int _codeSegment, _stackSegment;

    private UnwindMachine(int[] signalContext, int codeSegment, int stackSegment)
    {
        _signalContext = signalContext;
        _codeSegment = codeSegment;
        _stackSegment = stackSegment;
    }

    /// <summary>x86-64: rax rdx rcx rbx rsi rdi rbp rsp r8-r15 and the return address.</summary>
    public static UnwindMachine X64 { get; } = new([8, 9, 10, 11, 12, 13, 14, 15, 5, 4, 6, 3, 1, 0, 2, 7, 16], 18, 18)
    {
        Word = new MachineWord(8),
        Registers = 17,
        StackPointer = 7,
        ProgramCounter = 16,
        Preserved = 1 << 3 | 1 << 6 | 1 << 12 | 1 << 13 | 1 << 14 | 1 << 15,
    };

    /// <summary>i386: eax ecx edx ebx esp ebp esi edi and the return address.</summary>
    public static UnwindMachine I386 { get; } = new([-1, -1, -1, -1, 7, 6, 5, 4, 3, 2, 1, 0, -1, -1, 8], 15, 18)
    {
        Word = new MachineWord(4),
        Registers = 9,
        StackPointer = 4,
        ProgramCounter = 8,
        Preserved = 1 << 3 | 1 << 5 | 1 << 6 | 1 << 7,
    };

    /// <summary>Its words and addresses.</summary>
    public required MachineWord Word { get; init; }

    /// <summary>Bytes of an address.</summary>
    public int WordSize => Word.Size;

    /// <summary>Number of registers that matter; rules for those above (vector registers) are passed over.</summary>
    public required int Registers { get; init; }

    /// <summary>Number of the stack pointer.</summary>
    public required int StackPointer { get; init; }

    /// <summary>Number of the return address, which is a frame's program counter.</summary>
    public required int ProgramCounter { get; init; }

    /// <summary>Registers, as bits, that a call leaves as they were: those without a rule keep their value.</summary>
    public required uint Preserved { get; init; }

    /// <summary>Words of a struct sigcontext, up to where it can be told from other data.</summary>
    public int SignalContextWords => _stackSegment + 1;

    /// <summary>Whether a word may be the last that <see cref="TryReadSignalContext"/> looks at.</summary>
    public bool MayEndSignalContext(ulong word) => WordSize == 4 ? (ushort)word == UserData : word is UserCode64 or UserSegments64;

    /// <summary>
    /// The registers of an interrupted frame, when a struct sigcontext lies at the start of <paramref name="bytes"/>. It is
    /// known by the segments that the kernel has put there: user code and user stack.
    /// </summary>
    public bool TryReadSignalContext(ReadOnlySpan<byte> bytes, ref FrameRegisters registers)
    {
        if (bytes.Length < SignalContextWords * WordSize || !HasUserSegments(bytes)) return false;
        registers = new FrameRegisters(this);
        for (int i = 0; i < _signalContext.Length; i++)
            if (_signalContext[i] >= 0) registers.Set(_signalContext[i], Word.Read(bytes[(i * WordSize)..]));
        return true;
    }

    // x86-64: cs, gs, fs, ss as 16 bits each (ss has been there since Linux 4.6); i386: a word for each.
    private bool HasUserSegments(ReadOnlySpan<byte> bytes)
    {
        ReadOnlySpan<byte> code = bytes[(_codeSegment * WordSize)..], stack = bytes[(_stackSegment * WordSize)..];
        if (WordSize == 4)
            return BinaryPrimitives.ReadUInt16LittleEndian(code) == UserCode32 && BinaryPrimitives.ReadUInt16LittleEndian(stack) == UserData;
        return BinaryPrimitives.ReadUInt64LittleEndian(code) is UserCode64 or UserSegments64;
    }
}
