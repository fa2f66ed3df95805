using Pannus.Core;
using Pannus.Holding;
using Pannus.Linux;
using Pannus.Machines;
using Pannus.Targets;
using Pannus.Unwinding;

namespace Pannus.Safety;

/// <summary>
/// Whether a thread of a held target is inside code that is to be overwritten. Made while the target runs, when all that
/// takes time or memory is done and every path has been walked once; <see cref="IsActive"/> allocates nothing.
/// </summary>
internal sealed class ActivenessCheck : IDisposable
{
    private const int MostRehearsed = 32, MostUnclear = 16;

    private readonly TargetProcess _target;
    private readonly CodeRanges _ranges;
    private readonly LiveMap _map;
    private readonly MemorySearch? _memory;
    private readonly bool _isThorough;
    private StackSearch? _stacks;
    private TargetUnwinder? _unwinder;
    private HeldThread _thread;
    private SearchResult _result;
    private readonly List<int> _unclear = new(MostUnclear);
    private int _threads, _seen;

    private ActivenessCheck(TargetProcess target, CodeRanges ranges, SafetyCheck check, bool scanMemory, bool isThorough)
    {
        _isThorough = isThorough;
        _target = target;
        _ranges = ranges;
        _map = LiveMap.Open(target);
        if (check == SafetyCheck.Stack && ranges.HasFunctions)
        {
            PrepareStacks();
            if (scanMemory) _memory = new MemorySearch(_map, ranges, _unwinder!.Machine);
        }
        var nobody = new Rehearsal(target, threads: 1);
        LookEarly(nobody);
        _ = IsActive(nobody, mayRun: true);
        (_thread, _result) = (default, SearchResult.Clear);
    }

    /// <summary>One line about what was found, without names.</summary>
    public string Found => _thread.Id == 0 ? "A stack that no thread is on leads inside" : $"Thread {_thread.Id} is inside, at 0x{_thread.ProgramCounter:x}";

    /// <summary>
    /// Whether the thread that was found was left asleep, so that few of its registers were known: one that is stopped may
    /// turn out to be elsewhere.
    /// </summary>
    public bool IsVague => _thread.IsVague && _result is SearchResult.Scanned or SearchResult.Unknown;

    /// <summary>
    /// Prepares a check of functions, in which no thread may have a frame, and of bytes, on which none may go on. With
    /// <see cref="SafetyCheck.Entry"/> only program counters are looked at.
    /// </summary>
    public static ActivenessCheck Prepare(TargetProcess target, IEnumerable<AddressRange> functions, IEnumerable<AddressRange> guarded,
        SafetyCheck check, bool scanMemory)
    {
        var ranges = new CodeRanges(functions, guarded, target.Memory);
        return new ActivenessCheck(target, ranges, check, scanMemory, isThorough: false);
    }

    /// <summary>
    /// Prepares a check of memory that is to be unmapped: no thread may go on in it, and no register and no word of a stack
    /// may hold an address in it.
    /// </summary>
    public static ActivenessCheck PrepareThorough(TargetProcess target, IEnumerable<AddressRange> ranges)
    {
        AddressRange[] all = [.. ranges];
        return new ActivenessCheck(target, new CodeRanges(all, all, target.Memory), SafetyCheck.Stack, scanMemory: false, isThorough: true);
    }

    /// <summary>
    /// Looks at threads that sleep while others still run: what was seen of them holds for the stop that follows, unless they
    /// have run since, and the threads that run are held for so much less.
    /// </summary>
    public void LookEarly(HeldProcess held)
    {
        Begin();
        _unclear.Clear();
        for (_seen = 0; _seen < held.ThreadCount; _seen++)
        {
            if (!IsThreadActive(held, _seen, mayRun: false)) continue;
            if (_unclear.Count == MostUnclear) return;
            _unclear.Add(_seen);
        }
    }

    /// <summary>
    /// Whether a thread is inside. One that runs inside, and has no frame further up there, is first let run on, all others
    /// held, when <paramref name="mayRun"/> says so.
    /// </summary>
    public bool IsActive(HeldProcess held, bool mayRun)
    {
        Begin();
        int first = _seen;
        _seen = 0;
        _threads = held.ThreadCount;
        for (int i = first; i < held.ThreadCount; i++)
            if (held.GetThread(i).WasSeenEarly) _threads--;
        bool isActive = false;
        for (int i = 0; i < _unclear.Count && !isActive; i++)
            isActive = !held.HasRunSince(_unclear[i]) && IsThreadActive(held, _unclear[i], mayRun: false);
        _unclear.Clear();
        for (int i = first; i < held.ThreadCount && !isActive; i++)
            isActive = !held.HasRunSince(i) && IsThreadActive(held, i, mayRun);
        if (isActive) return true;
        if (_memory is null || !_memory.IsFound(_target.Memory)) return false;
        _thread = default;
        _result = SearchResult.Scanned;
        return true;
    }

    /// <summary>The ids of all threads that are inside, in a list that has room for them.</summary>
    public void FindActive(HeldProcess held, List<int> ids)
    {
        _map.Begin();
        _unwinder?.Begin();
        ids.Clear();
        for (int i = 0; i < held.ThreadCount; i++)
            if (IsInside(held.GetThread(i)) || LookAtStack(held, i) != SearchResult.Clear) ids.Add(held.GetThread(i).Id);
    }

    /// <summary>Makes ready for another stop: what was loaded since the last is known then.</summary>
    public void Refresh()
    {
        if (_stacks is null || _result is not (SearchResult.Scanned or SearchResult.Unknown)) return;
        _target.Refresh();
        PrepareStacks();
    }

    /// <summary>What was found, with names.</summary>
    public ActiveCode Describe() => ActiveCode.From(_target, _thread, _result, _stacks is null ? default : _stacks.Frames, _stacks?.Inside ?? -1,
        _thread.Id == 0 ? _memory?.Found : null);

    /// <summary>The same as an object for users.</summary>
    public PatchSafety Safety()
    {
        ActiveCode active = Describe();
        return new PatchSafety
        {
            Id = _target.Id,
            Name = _target.Name,
            Threads = _threads,
            FoundBy = active.FoundBy,
            ThreadId = active.FoundBy == FoundBy.Nothing ? 0 : active.ThreadId,
            ProgramCounter = active.FoundBy == FoundBy.Nothing ? 0 : active.ProgramCounter,
            Symbol = active.FoundBy == FoundBy.Nothing ? "" : active.Symbol,
            Backtrace = active.FoundBy == FoundBy.Nothing ? [] : active.Backtrace,
        };
    }

    public void Dispose() => _map.Dispose();

    private void Begin()
    {
        _map.Begin();
        _unwinder?.Begin();
    }

    private bool IsThreadActive(HeldProcess held, int index, bool mayRun)
    {
        bool isOut = !IsInside(held.GetThread(index)) || (mayRun && held.TryRunOut(index, _ranges.All));
        _thread = held.GetThread(index);
        _result = LookAtStack(held, index);
        if (!isOut) _result = SearchResult.Unwound;
        return _result != SearchResult.Clear;
    }

    private bool IsInside(in HeldThread thread) =>
        _ranges.Contains(thread.ProgramCounter) || _ranges.Contains(thread.OtherProgramCounter);

    private SearchResult LookAtStack(HeldProcess held, int index)
    {
        if (_stacks is null) return SearchResult.Clear;
        held.GetRegisters(index, out FrameRegisters registers);
        return _isThorough ? _stacks.RunThoroughly(registers) : _stacks.Run(registers);
    }

    private void PrepareStacks()
    {
        _unwinder = TargetUnwinder.Prepare(_target);
        _stacks = new StackSearch(_unwinder, _map, _ranges, _target.Memory);
        Rehearse();
    }

    // The stacks of sleeping threads, as they are now: the tables' pages are there afterwards, and so are the rows for the
    // places where threads usually sleep. What is found does not count.
    private void Rehearse()
    {
        Begin();
        _unwinder!.Rehearse(_target.Memory);
        foreach (int tid in ProcFile.ThreadIds(_target.Id).Take(MostRehearsed))
        {
            if (SleepingCall.TryRead(tid) is not { } call) continue;
            FrameRegisters registers = FrameRegisters.From(call.ProgramCounter, call.StackPointer, _unwinder.Machine);
            _ = _stacks!.Run(registers);
            // From nowhere: the scan.
            _ = _stacks.Run(FrameRegisters.From(0, call.StackPointer, _unwinder.Machine));
        }
    }
}
