using Pannus.Linux;

namespace Pannus.Holding;

/// <summary>
/// Waiting for something that is a few microseconds away, on another processor or on this very one: poll, then give
/// the processor away, then sleep.
/// </summary>
internal static class Backoff
{
    private const int Polls = 256, Yields = 512;
    private const long SleepNanoseconds = 20_000;

    /// <summary>
    /// Waits a little before poll number <paramref name="round"/> + 1. <paramref name="isApart"/>: it happens on another
    /// processor (<see cref="TracerPlacement"/>). Then this one is not given away, as it may be given to something that keeps it
    /// for a whole time slice.
    /// </summary>
    public static void Spin(int round, bool isApart)
    {
        if (isApart && round < Polls) return;
        if (round < Yields)
        {
            Scheduler.Yield();
            return;
        }
        Sleep();
    }

    /// <summary>Gives the processor away for some 50 microseconds, most of which the timer itself takes.</summary>
    public static void Sleep() => Scheduler.Sleep(SleepNanoseconds);
}
