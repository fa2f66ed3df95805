using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.ExceptionServices;
using Pannus.Backends;
using Pannus.Core;
using Pannus.Holding;
using Pannus.Journal;
using Pannus.Safety;
using Pannus.Targets;

namespace Pannus.Applying;

/// <summary>
/// A target held still from outside, for those who compose their own steps. It ends when it is resumed, at its deadline,
/// or with this process, whichever comes first.
/// </summary>
public sealed class PatchSuspension : IDisposable
{
    private readonly BlockingCollection<Action<HeldProcess>> _work = [];
    private readonly TaskCompletionSource _started = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TargetProcess _target;
    private readonly TargetLock _lock;
    private long _since;
    private TimeSpan _held;

    private PatchSuspension(TargetProcess target, TargetLock hold, TimeSpan deadline)
    {
        _target = target;
        _lock = hold;
        Deadline = deadline;
    }

    /// <summary>Process id of the target.</summary>
    public int Id => _target.Id;

    /// <summary>Name of the target.</summary>
    public string Name => _target.Name;

    /// <summary>Start time of the target in clock ticks after boot.</summary>
    public ulong StartTicks => _target.StartTicks;

    /// <summary>Number of threads held.</summary>
    public int Threads { get; private set; }

    /// <summary>When it was stopped.</summary>
    public DateTime SuspendedAt { get; private set; }

    /// <summary>How long it is held at most.</summary>
    public TimeSpan Deadline { get; }

    /// <summary>Whether it is held now.</summary>
    public bool IsHeld => _started.Task.IsCompletedSuccessfully && !_ended.Task.IsCompleted;

    /// <summary>How long it was held, or has been up to now.</summary>
    public TimeSpan Held => IsHeld ? Stopwatch.GetElapsedTime(_since) : _held;

    /// <summary>
    /// Stops a target. Takes over <paramref name="target"/> and disposes it at the end. Errors as of
    /// <see cref="PatchTransaction.Write"/>.
    /// </summary>
    public static PatchSuspension Start(TargetProcess target, BackendKind backend, TimeSpan timeout, TimeSpan deadline,
        CancellationToken cancellation = default)
    {
        PatchSuspension? suspension = null;
        try
        {
            _ = target.Modules; // Read while the target runs: messages need it later.
            TargetLock hold = TargetLock.Take(target, timeout, cancellation);
            suspension = new PatchSuspension(target, hold, deadline);
            suspension.Run(BackendSelector.Select(backend), timeout);
            return suspension;
        }
        catch
        {
            suspension?._lock.Dispose();
            target.Dispose();
            throw;
        }
    }

    /// <summary>A task that is done when it has ended.</summary>
    public Task WhenEnded() => _ended.Task;

    /// <summary>Lets the target go; does nothing when it runs already. Returns how long it was held.</summary>
    public TimeSpan Resume()
    {
        _work.CompleteAdding();
        _ended.Task.GetAwaiter().GetResult();
        return Held;
    }

    /// <inheritdoc/>
    public void Dispose() => Resume();

    /// <summary>Whether a thread is inside ranges. Error: <see cref="PatchErrorId.StopTimeout"/> after the deadline.</summary>
    public PatchSafety Check(IReadOnlyList<AddressRange> ranges, SafetyCheck check = SafetyCheck.Stack, bool scanMemory = false)
    {
        if (!IsHeld) throw HasEnded();
        using ActivenessCheck active = ActivenessCheck.Prepare(_target, ranges, [], check, scanMemory);
        Do(held => active.IsActive(held, mayRun: false));
        return active.Safety();
    }

    /// <summary>
    /// Writes all or nothing. Errors: <see cref="PatchErrorId.FunctionActive"/>, <see cref="PatchErrorId.StopTimeout"/>
    /// after the deadline, <see cref="PatchErrorId.MemoryInaccessible"/>.
    /// </summary>
    public void Write(IReadOnlyList<PlannedWrite> writes, SafetyCheck check = SafetyCheck.Stack, bool scanMemory = false)
    {
        if (!IsHeld) throw HasEnded();
        var set = new WriteSet(_target, writes);
        using ActivenessCheck active = ActivenessCheck.Prepare(_target, set.Functions(check), set.Guarded, check, scanMemory);
        _ = set.Write(new Rehearsal(_target, threads: 0));
        bool isActive = false;
        PlannedWrite? failed = null;
        Do(held =>
        {
            isActive = active.IsActive(held, mayRun: true);
            if (!isActive) failed = set.Write(held);
        });
        if (isActive) throw active.Describe().Refusal(_target, 0, TimeSpan.Zero);
        if (failed is not null) throw PatchTransaction.Failure(_target, failed);
    }

    private void Run(ITargetBackend backend, TimeSpan timeout)
    {
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                _held = backend.WhileHeld(_target, timeout, leaveSleepers: false, Serve, longest: Deadline);
            }
            catch (Exception e)
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }
            _work.CompleteAdding();
            _lock.Dispose();
            _target.Dispose();
            _ended.TrySetResult();
        })
        { IsBackground = true, Name = "pannus-hold" };
        thread.Start();
        Task.WhenAny(_started.Task, _ended.Task).GetAwaiter().GetResult();
        if (!_started.Task.IsCompleted) failure?.Throw();
    }

    private void Serve(HeldProcess held)
    {
        long start = _since = Stopwatch.GetTimestamp();
        Threads = held.ThreadCount;
        SuspendedAt = DateTime.Now;
        _started.SetResult();
        while (true)
        {
            TimeSpan left = Deadline - Stopwatch.GetElapsedTime(start);
            if (left <= TimeSpan.Zero || !_work.TryTake(out Action<HeldProcess>? work, left)) return;
            work(held);
        }
    }

    private void Do(Action<HeldProcess> work)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        try
        {
            _work.Add(held =>
            {
                try
                {
                    work(held);
                    done.SetResult();
                }
                catch (Exception e)
                {
                    done.SetException(e);
                }
            });
        }
        catch (InvalidOperationException)
        {
            throw HasEnded();
        }
        Task.WhenAny(done.Task, _ended.Task).GetAwaiter().GetResult();
        if (!done.Task.IsCompleted) throw HasEnded();
        done.Task.GetAwaiter().GetResult();
    }

    private PatchException HasEnded() => new(PatchErrorId.StopTimeout,
        $"The hold of {_target.DisplayName} has ended (its deadline was {Deadline.TotalMilliseconds:0} ms). Nothing was written; "
        + "suspend it again.");
}
