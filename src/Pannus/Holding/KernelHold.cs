using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Pannus.Core;
using Pannus.Linux;
using Pannus.Machines;
using Pannus.Targets;

namespace Pannus.Holding;

/// <summary>
/// A hold of the patched kernel: a descriptor, whose end lets the target go. Nobody is woken for it, so there are no
/// threads that would have to be left asleep.
/// </summary>
/// <remarks>
/// With a look before it (<see cref="LookEarly"/>), what has to be done in the hold does not grow with the number of
/// threads that sleep. The look holds nobody: a thread may run at any time, also while its stack is looked at. What was seen
/// counts only when the kernel says in the hold that the thread has slept all the time (its count of context switches is
/// what it was; kernel-patch/ABI.md, PCNTL_HOLD), because then nothing was executed on that stack between the look and the
/// end of the hold. Of all others the kernel gives new records, which come behind those of the look.
/// </remarks>
internal sealed class KernelHold : HeldProcess, IDisposable
{
    // struct pannus_thread (kernel-patch/ABI.md).
    [StructLayout(LayoutKind.Sequential)]
    private struct Record
    {
        public int Id;
        public uint State;
        public long Syscall;
        public ulong Switches;
        public ulong Seen;
        private readonly ulong _reserved;
        public X64Registers Registers;
    }

    private const uint Parked = 1;
    private const int RoomForNewborn = 64;

    private readonly TargetProcess _target;
    private readonly KernelCalls _calls;
    private Record[] _threads = [];
    private bool[] _hasRun = [];
    private readonly Descriptor _hold = new();
    private int _early, _count;
    private long _heldSince;

    public KernelHold(TargetProcess target, KernelCalls calls)
    {
        (_target, _calls) = (target, calls);
        MakeRoom(target.ThreadIds.Count * 2 + RoomForNewborn);
    }

    public override int ThreadCount => _count;

    public override bool IsSealed => _hold.Read([]) == 0;

    /// <summary>How long the target has been, or was, held.</summary>
    public TimeSpan Pause { get; private set; }

    /// <summary>Looks at the threads that sleep, and holds nobody. Returns 0 or -errno.</summary>
    public long LookEarly()
    {
        long look = _calls.LookAt(_target.Id);
        if (look < 0) return look;
        _hold.Replace((int)look);
        long result = ReadThreads(0);
        if (result < 0) return Abandon(result);
        _count = _early = (int)result;
        // So that the kernel finds the pages there when it tells of others in the hold.
        _threads.AsSpan(_early).Clear();
        return 0;
    }

    /// <summary>Stops the target for at most this long. Returns 0 or -errno; then a look is to be made again.</summary>
    public long Start(int milliseconds)
    {
        bool hasLooked = _hold.IsOpen;
        _heldSince = Stopwatch.GetTimestamp();
        long result = hasLooked ? _calls.HoldAfterLook(_hold.Number, milliseconds) : _calls.Hold(_target.Id, milliseconds);
        if (result < 0) return Abandon(result);
        if (hasLooked) _heldSince = Stopwatch.GetTimestamp() - (result * Stopwatch.Frequency / 1_000_000_000);
        else _hold.Replace((int)result);
        result = ReadThreads(_early);
        if (result < 0) return Abandon(result);
        _count = _early + (int)result;
        for (int i = _early; i < _count; i++)
            if (_threads[i].Seen is > 0 and var place) _hasRun[place - 1] = true;
        return 0;
    }

    public override HeldThread GetThread(int index)
    {
        ref readonly Record thread = ref _threads[index];
        ref readonly X64Registers r = ref thread.Registers;
        bool isParked = (thread.State & Parked) != 0;
        return new HeldThread(thread.Id, r.Rip, r.Rsp, InSyscall: !isParked)
        {
            IsLeftAsleep = !isParked, WasSeenEarly = thread.Seen > 0, ThreadPointer = _target.Architecture.Remote.ThreadPointer(r),
        };
    }

    public override bool HasRunSince(int index) => index < _early && _hasRun[index];

    public override void GetRegisters(int index, out FrameRegisters registers) => registers = FrameRegisters.From(_threads[index].Registers);

    // A parked thread can't be made to go on alone.
    public override bool TryRunOut(int index, ReadOnlySpan<AddressRange> ranges) => false;

    public override bool TrySeal() => IsSealed;

    public override int Read(ulong address, Span<byte> buffer) => _target.WritableMemory.Read(address, buffer);

    // Through the hold, which writes nothing once it has ended.
    public override int Write(ulong address, ReadOnlySpan<byte> data) => (int)Math.Max(_hold.WriteAt((long)address, data), 0);

    /// <summary>Makes room for more threads, after EMSGSIZE.</summary>
    public void Grow() => MakeRoom(_threads.Length * 2);

    /// <summary>Lets the target go.</summary>
    public void End()
    {
        if (!_hold.IsOpen) return;
        _ = _calls.LetGo(_target.Id);
        Pause = Stopwatch.GetElapsedTime(_heldSince);
        // What is behind the descriptor takes its time, which is not the target's.
        Close();
    }

    public void Dispose() => Close();

    /// <summary>Runs every path of a hold once, so that none runs first in earnest. The target is looked at and not held.</summary>
    public static void Rehearse(TargetProcess target, KernelCalls calls)
    {
        using var hold = new KernelHold(target, calls);
        _ = hold.LookEarly();
        if (!hold._hold.IsOpen) return;
        for (int i = 0; i < Math.Min(hold.ThreadCount, 1); i++)
        {
            _ = hold.GetThread(i);
            _ = hold.HasRunSince(i);
            hold.GetRegisters(i, out _);
        }
        _ = hold.TrySeal();
        _ = hold.Read(target.Executable.Start, stackalloc byte[8]);
        _ = hold.Write(target.Executable.Start, []);
        hold.End();
        // There is no such descriptor.
        hold._hold.Replace(int.MaxValue);
        _ = hold.Start(1);
    }

    private long ReadThreads(int from)
    {
        long size = _hold.Read(MemoryMarshal.AsBytes(_threads.AsSpan(from)));
        return size < 0 ? size : size / Unsafe.SizeOf<Record>();
    }

    private void MakeRoom(int threads)
    {
        _threads = GC.AllocateArray<Record>(threads, pinned: true);
        _hasRun = new bool[threads];
    }

    private long Abandon(long result)
    {
        Close();
        return result;
    }

    private void Close()
    {
        _hold.Dispose();
        (_early, _count) = (0, 0);
        Array.Clear(_hasRun);
    }
}
