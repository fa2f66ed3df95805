using Pannus.Interop;
using Pannus.Patcher;
using Pannus.Unwinder;

namespace Pannus.Controller;

/// <summary>
/// A process none of whose threads can run user code. Valid only inside the call it was handed to, and only on that
/// call's thread. Its members allocate nothing.
/// </summary>
public interface IHeldProcess : IMemory
{
    /// <summary>
    /// Number of threads to look at, those that were left asleep included. One that has run since an early look is there
    /// twice (<see cref="HasRunSince"/>).
    /// </summary>
    int ThreadCount { get; }

    /// <summary>One of the threads held; <paramref name="index"/> is below <see cref="ThreadCount"/>.</summary>
    HeldThread GetThread(int index);

    /// <summary>
    /// Whether a thread of the early look may have run since. What was seen of it does not count; it comes again, as it is
    /// now, behind those of the early look.
    /// </summary>
    bool HasRunSince(int index);

    /// <summary>The registers that are known of one of them, its program counter as <see cref="GetThread"/> gives it.</summary>
    void GetRegisters(int index, out FrameRegisters registers);

    /// <summary>
    /// Lets one held thread run on for some microseconds, all others held, again and again until its program counter is
    /// outside <paramref name="ranges"/>. False when it is still inside: it stays there, it sleeps in the kernel, or it has a
    /// signal to handle.
    /// </summary>
    bool TryRunOut(int index, ReadOnlySpan<AddressRange> ranges);

    /// <summary>
    /// Sees to it that also threads that were left asleep run nothing until the process is let go. False when one of them
    /// has run since the stop: what was seen of it no longer holds. To be called after the check, before the first byte is written.
    /// </summary>
    bool TrySeal();

    /// <summary>Whether they have run nothing up to now. To be looked at after the last byte.</summary>
    bool IsSealed { get; }
}
