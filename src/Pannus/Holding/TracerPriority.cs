using Pannus.Linux;

namespace Pannus.Holding;

/// <summary>
/// The calling thread's nice value while it holds a target. A busy target has threads of its own on every processor, and
/// a stop should not wait for their time slices. Where the user may not raise it (setpriority(2)), it stays as it is.
/// </summary>
internal struct TracerPriority
{
    private const int Highest = -20;

    private int _own;
    private bool _isRaised;

    /// <summary>Raises it as far as can be.</summary>
    public void Raise()
    {
        if (_isRaised) return;
        _own = Scheduler.Nice;
        _isRaised = Scheduler.TrySetNice(Highest);
    }

    /// <summary>Gives it back: what else the thread has to do, its own end included, is as urgent as it ever was.</summary>
    public void Lower()
    {
        if (_isRaised) _ = Scheduler.TrySetNice(_own);
        _isRaised = false;
    }
}
