using Pannus.Linux;
using Pannus.Targets;

namespace Pannus.Holding;

/// <summary>
/// Keeps the calling thread off the processors that threads of the target run on (sched_setaffinity(2)): what it does
/// before a stop should cost them nothing, and a stop is waited for without standing in its way.
/// </summary>
internal sealed class TracerPlacement : IDisposable
{
    private const int MostLookedAt = 16, MostFollowed = 4;

    private readonly byte[] _own = new byte[Scheduler.MaskSize];
    private readonly byte[] _mask;
    private readonly ThreadStat[] _followed = new ThreadStat[MostFollowed];
    private int _count;

    /// <summary>Begins with the processors that the calling thread may run on.</summary>
    public TracerPlacement()
    {
        _ = Scheduler.GetProcessors(0, _own);
        _mask = [.. _own];
    }

    /// <summary>Whether all that was to be avoided could be.</summary>
    public bool IsApart { get; private set; } = true;

    /// <summary>Moves the calling thread off a processor, unless no other is left for it.</summary>
    public void Avoid(int processor)
    {
        if (processor < 0 || processor >= _mask.Length * 8 || (_mask[processor / 8] >> (processor % 8) & 1) == 0) return;
        _mask[processor / 8] ^= (byte)(1 << (processor % 8));
        if (_mask.AsSpan().ContainsAnyExcept((byte)0) && Scheduler.TrySetProcessors(0, _mask)) return;
        _mask[processor / 8] ^= (byte)(1 << (processor % 8));
        IsApart = false;
    }

    /// <summary>The same for those of the first threads of a process that run now.</summary>
    public void AvoidRunning(TargetProcess target)
    {
        foreach (int tid in ProcFile.ThreadIds(target.Id).Take(MostLookedAt))
            if (ThreadStat.Read(target.Id, tid) is { State: 'R', Processor: var processor }) Avoid(processor);
    }

    /// <summary>Avoids the processor of a thread that runs, also when it is moved, as far as there are few. Takes its file over.</summary>
    public void Follow(ThreadStat thread)
    {
        Avoid(thread.Processor);
        if (_count < MostFollowed) _followed[_count++] = thread;
        else thread.Dispose();
    }

    /// <summary>
    /// To be called from time to time: what is done to thousands of sleepers takes so long that a running thread may be moved
    /// to this very processor meanwhile.
    /// </summary>
    public void Update()
    {
        if (!IsApart) return;
        bool isHere = false;
        for (int i = 0; i < _count; i++)
        {
            _followed[i].Read();
            isHere |= _followed[i].State == 'R' && _followed[i].IsHere;
        }
        if (!isHere) return;
        _own.CopyTo(_mask, 0);
        for (int i = 0; i < _count; i++)
            if (_followed[i].State == 'R') Avoid(_followed[i].Processor);
    }

    /// <summary>Gives the calling thread the processors back that it had.</summary>
    public void Dispose()
    {
        for (int i = 0; i < _count; i++) _followed[i].Dispose();
        _count = 0;
        if (!_mask.AsSpan().SequenceEqual(_own)) _ = Scheduler.TrySetProcessors(0, _own);
    }
}
