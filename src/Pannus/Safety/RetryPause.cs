namespace Pannus.Safety;

/// <summary>
/// How long a target runs between two stops: short at first, for a thread that only passes through, then longer and longer,
/// for one that sleeps. Not evenly, so that it does not keep step with what the target does at intervals of its own.
/// </summary>
internal sealed class RetryPause(TimeSpan first)
{
    private const double Growth = 1.5, Unevenness = 0.25;
    private static readonly TimeSpan s_longest = TimeSpan.FromMilliseconds(100);

    private TimeSpan _next = first;

    public TimeSpan Next()
    {
        TimeSpan pause = _next * (1 - Unevenness + 2 * Unevenness * Random.Shared.NextDouble());
        if (_next < s_longest) _next = TimeSpan.FromTicks(Math.Min((long)(_next.Ticks * Growth), s_longest.Ticks));
        return pause;
    }
}
