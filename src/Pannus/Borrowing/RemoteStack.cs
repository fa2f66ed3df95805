using Pannus.Linux;

namespace Pannus.Borrowing;

/// <summary>
/// What a remote call puts under the red zone of its thread's stack: the list of steps, above it the signal frame. Made
/// before the stop as far as can be; placing it writes only into a buffer that is there.
/// </summary>
internal sealed class RemoteStack(RemoteProgram program)
{
    private const int RedZone = 128, Alignment = 64, LargestFrame = 20 * 1024;
    private const ulong CallStack = 16 * 1024;

    private readonly byte[] _list = program.Encode();
    private readonly byte[] _buffer = GC.AllocateArray<byte>(program.EncodedSize + Alignment + LargestFrame);
    private int _length;

    /// <summary>Address of the list.</summary>
    public ulong ListAt { get; private set; }

    /// <summary>Address of the signal frame.</summary>
    public ulong FrameAt { get; private set; }

    /// <summary>Lowest address that the call may use, room for a called function included.</summary>
    public ulong Lowest => ListAt - CallStack;

    /// <summary>The bytes to write at <see cref="ListAt"/>.</summary>
    public ReadOnlySpan<byte> Bytes => _buffer.AsSpan(0, _length);

    /// <summary>Builds list and frame for a thread.</summary>
    public void Place(BorrowedThread thread)
    {
        ref readonly X64Registers r = ref thread.Registers;
        int frameSize = program.Abi.FrameSize(thread.Vectors.Length);
        FrameAt = (r.Rsp - RedZone - (ulong)frameSize) & ~(ulong)(Alignment - 1);
        ListAt = (FrameAt - (ulong)_list.Length) & ~(ulong)(Alignment - 1);
        int frameOffset = (int)(FrameAt - ListAt);
        _length = frameOffset + frameSize;
        _list.CopyTo(_buffer, 0);
        program.Locate(_buffer, ListAt);
        program.Abi.BuildFrame(_buffer.AsSpan(frameOffset, frameSize), FrameAt, thread.ForSignalReturn, thread.SignalMask, thread.Vectors);
    }
}
