using Pannus.Core;
using Pannus.Machines;

namespace Pannus.Holding;

/// <summary>
/// A process none of whose threads can run user code. Valid only inside the call it was handed to, and only on that
/// call's thread. Its members allocate nothing.
/// </summary>
/// <remarks>
/// A class and not an interface: the first call of each place that calls an interface has to find out what to call, which
/// takes longer than the call.
/// </remarks>
internal abstract class HeldProcess : IMemory
{
    private protected HeldProcess()
    {
    }

    /// <inheritdoc/>
    public abstract int Read(ulong address, Span<byte> buffer);

    /// <inheritdoc/>
    public abstract int Write(ulong address, ReadOnlySpan<byte> data);

    /// <summary>
    /// Number of threads to look at, those that were left asleep included. One that has run since an early look is there
    /// twice (<see cref="HasRunSince"/>).
    /// </summary>
    public abstract int ThreadCount { get; }

    /// <summary>One of the threads held; <paramref name="index"/> is below <see cref="ThreadCount"/>.</summary>
    public abstract HeldThread GetThread(int index);

    /// <summary>
    /// Whether a thread of the early look may have run since. What was seen of it does not count; it comes again, as it is
    /// now, behind those of the early look.
    /// </summary>
    public abstract bool HasRunSince(int index);

    /// <summary>The registers that are known of one of them, its program counter as <see cref="GetThread"/> gives it.</summary>
    public abstract void GetRegisters(int index, out FrameRegisters registers);

    /// <summary>
    /// Lets one held thread run on for some microseconds, all others held, again and again until its program counter is
    /// outside <paramref name="ranges"/>. False when it is still inside: it stays there, it sleeps in the kernel, or it has a
    /// signal to handle.
    /// </summary>
    public abstract bool TryRunOut(int index, ReadOnlySpan<AddressRange> ranges);

    /// <summary>
    /// Sees to it that also threads that were left asleep run nothing until the process is let go. False when one of them
    /// has run since the stop: what was seen of it no longer holds. To be called after the check, before the first byte is written.
    /// </summary>
    public abstract bool TrySeal();

    /// <summary>Whether they have run nothing up to now. To be looked at after the last byte.</summary>
    public abstract bool IsSealed { get; }
}
