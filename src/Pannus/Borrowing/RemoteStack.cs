using System.Security.Cryptography;
using System.Text;
using Pannus.Linux;

namespace Pannus.Borrowing;

/// <summary>
/// What a remote call puts under the red zone of its thread's stack: the signal frame, and below it what calls point to. Made
/// before the stop as far as can be; placing it writes only into a buffer that is there.
/// </summary>
/// <remarks>
/// Other threads of the target may change any of it, and harm their own process only: the tracer does not read it back, and
/// restores the thread from its own copy. It is read by the target alone, when the tracer has died.
/// </remarks>
internal sealed class RemoteStack
{
    private const int RedZone = 128, Alignment = 64, LargestFrame = 20 * 1024;
    // From the buffer's beginning: a function's return address, room for what its caller would have there, the mark, the text.
    private const int MarkAt = 2 * Alignment, MarkSize = 16, TextAt = MarkAt + MarkSize;
    private const ulong CallStack = 16 * 1024;

    private readonly RemoteProgram _program;
    private readonly ulong _stub;
    private readonly byte[] _head;
    private readonly byte[] _buffer;
    private readonly ulong[] _found = new ulong[MarkSize / sizeof(ulong)];
    private int _length;

    /// <summary>For a program whose stub lies at an address.</summary>
    public RemoteStack(RemoteProgram program, ulong stub)
    {
        (_program, _stub) = (program, stub);
        byte[] text = Encoding.UTF8.GetBytes(program.Text);
        // A NUL, and a word below the frame that holds no descriptor (IA32Stub).
        _head = new byte[TextAt + text.Length + 1 + sizeof(ulong)];
        RandomNumberGenerator.Fill(_head.AsSpan(MarkAt, MarkSize));
        text.CopyTo(_head, TextAt);
        _buffer = GC.AllocateArray<byte>(_head.Length + Alignment + LargestFrame);
    }

    /// <summary>Lowest address of what is written.</summary>
    public ulong Start { get; private set; }

    /// <summary>Address of the signal frame.</summary>
    public ulong FrameAt { get; private set; }

    /// <summary>Address of the text.</summary>
    public ulong TextAddress => Start + TextAt;

    /// <summary>Stack pointer of a function that is called: where its return address lies.</summary>
    public ulong CallAt => Start + Alignment - (ulong)_program.Abi.Word.Size;

    /// <summary>Lowest address that the call may use, room for a called function included.</summary>
    public ulong Lowest => Start - CallStack;

    /// <summary>The bytes to write at <see cref="Start"/>.</summary>
    public ReadOnlySpan<byte> Bytes => _buffer.AsSpan(0, _length);

    /// <summary>The return address to write at <see cref="CallAt"/> before each function.</summary>
    public ReadOnlySpan<byte> ReturnAddress => _buffer.AsSpan(Alignment - _program.Abi.Word.Size, _program.Abi.Word.Size);

    /// <summary>Builds it for a thread.</summary>
    public void Place(BorrowedThread thread)
    {
        ref readonly X64Registers r = ref thread.Registers;
        int frameSize = _program.Abi.FrameSize(thread.Vectors.Length);
        FrameAt = (r.Rsp - RedZone - (ulong)frameSize) & ~(ulong)(Alignment - 1);
        Start = (FrameAt - (ulong)_head.Length) & ~(ulong)(Alignment - 1);
        int frameOffset = (int)(FrameAt - Start);
        _length = frameOffset + frameSize;
        _head.CopyTo(_buffer, 0);
        _program.Abi.Word.Write(_buffer.AsSpan(Alignment - _program.Abi.Word.Size), _stub + (ulong)_program.Abi.ReturnOffset);
        _buffer.AsSpan(frameOffset - sizeof(ulong), sizeof(ulong)).Fill(0xff);
        _program.Abi.BuildFrame(
            _buffer.AsSpan(frameOffset, frameSize), FrameAt, thread.ForSignalReturn, thread.SignalMask, thread.Vectors);
    }

    /// <summary>
    /// Whether the thread itself sees what was written: that the memory which is written to is its own. No other program can
    /// have these bytes, as they are random.
    /// </summary>
    public bool IsSeenBy(BorrowedThread thread) => Ptrace.Peek(thread.Id, Start + MarkAt, _found) == 0
        && System.Runtime.InteropServices.MemoryMarshal.AsBytes<ulong>(_found).SequenceEqual(_buffer.AsSpan(MarkAt, MarkSize));
}
