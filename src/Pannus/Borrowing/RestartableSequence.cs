using System.Buffers.Binary;
using Pannus.Core;
using Pannus.Linux;

namespace Pannus.Borrowing;

/// <summary>
/// Restartable sequences (rseq(2)). A thread that is interrupted in one must not go on in it: the kernel leads it to the
/// sequence's abort handler when it returns to the program. It looks where the thread is at that instant, though, and a
/// borrowed thread is elsewhere. So the thread is led there by its own registers.
/// </summary>
internal static class RestartableSequence
{
    // struct rseq_cs: version (4), flags (4), start_ip, post_commit_offset, abort_ip (8 each).
    private const int SequenceSize = 32, StartAt = 8, LengthAt = 16, AbortAt = 24;
    private const ulong CurrentAt = 8; // rseq_cs in struct rseq

    /// <summary>
    /// Whether a thread that is stopped may be led elsewhere. If it is in a sequence its program counter becomes the abort
    /// handler's. False when the sequence is none that the kernel would accept, or it is not known whether there is one.
    /// </summary>
    public static bool TryLeave(int tid, IMemoryReader memory, ref X64Registers registers)
    {
        // No call into the kernel is made from inside of one.
        if (Ptrace.GetRseq(tid, out ulong area, out uint signature) != 0) return registers.InSyscall;
        Span<byte> word = stackalloc byte[sizeof(ulong)];
        if (area == 0) return true;
        if (memory.Read(area + CurrentAt, word) != word.Length) return false;
        ulong at = BinaryPrimitives.ReadUInt64LittleEndian(word);
        if (at == 0) return true;
        Span<byte> sequence = stackalloc byte[SequenceSize];
        if (memory.Read(at, sequence) != SequenceSize) return false;
        ulong start = BinaryPrimitives.ReadUInt64LittleEndian(sequence[StartAt..]),
            length = BinaryPrimitives.ReadUInt64LittleEndian(sequence[LengthAt..]),
            abort = BinaryPrimitives.ReadUInt64LittleEndian(sequence[AbortAt..]);
        if (registers.ProgramCounter - start >= length) return true;

        // As the kernel has it: an abort handler is outside, and has the signature that the thread has registered before it.
        Span<byte> found = stackalloc byte[sizeof(uint)];
        if (registers.InSyscall || sequence[0] != 0 || abort - start < length
            || memory.Read(abort - sizeof(uint), found) != found.Length
            || BinaryPrimitives.ReadUInt32LittleEndian(found) != signature) return false;
        registers.Rip = abort;
        return true;
    }
}
