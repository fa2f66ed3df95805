using Pannus.Interop;

namespace Pannus.Controller;

/// <summary>
/// Waiting for something that is a few microseconds away, on another processor or on this very one: poll, then give
/// the processor away, then sleep.
/// </summary>
internal static unsafe class Backoff
{
    private const int Polls = 64, Yields = 512;
    private const long SleepNanoseconds = 50_000;

    /// <summary>Waits a little before poll number <paramref name="round"/> + 1.</summary>
    public static void Spin(int round)
    {
        if (round < Polls && (round & 7) != 7) return;
        if (round < Yields)
        {
            _ = Syscall.Call(Syscall.SchedYield);
            return;
        }
        // struct timespec: seconds, nanoseconds.
        long* time = stackalloc long[2] { 0, SleepNanoseconds };
        _ = Syscall.Call(Syscall.Nanosleep, (long)time, 0);
    }
}
