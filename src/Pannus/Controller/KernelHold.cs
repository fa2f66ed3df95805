using System.Diagnostics;
using System.Runtime.InteropServices;
using Pannus.Interop;
using Pannus.Patcher;
using Pannus.Target;
using Pannus.Unwinder;

namespace Pannus.Controller;

/// <summary>
/// A hold of the patched kernel: a descriptor, whose end lets the target go. Nobody is woken for it, so there are no
/// threads that would have to be left asleep.
/// </summary>
internal sealed unsafe class KernelHold : IHeldProcess, IDisposable
{
    // struct pannus_thread (kernel-patch/ABI.md).
    [StructLayout(LayoutKind.Sequential)]
    private struct Record
    {
        public int Id;
        public uint State;
        public long Syscall;
        public ulong Switches;
        private readonly ulong _reserved0, _reserved1;
        public X64Registers Registers;
    }

    private const uint Parked = 1;
    private const int RoomForNewborn = 64;

    private readonly TargetProcess _target;
    private Record[] _threads;
    private int _hold = -1;
    private long _heldSince;

    public KernelHold(TargetProcess target)
    {
        _target = target;
        _threads = GC.AllocateArray<Record>(target.ThreadIds.Count * 2 + RoomForNewborn, pinned: true);
    }

    public int ThreadCount { get; private set; }

    public bool IsSealed => TryReadThreads(count: false) >= 0;

    /// <summary>How long the target has been, or was, held.</summary>
    public TimeSpan Pause { get; private set; }

    /// <summary>Stops the target for at most this long. Returns 0 or -errno.</summary>
    public long Start(KernelCalls calls, int milliseconds)
    {
        _heldSince = Stopwatch.GetTimestamp();
        long hold = calls.Hold(_target.Id, milliseconds);
        if (hold < 0) return hold;
        _hold = (int)hold;
        long result = TryReadThreads(count: true);
        if (result < 0) End();
        return Math.Min(result, 0);
    }

    public HeldThread GetThread(int index)
    {
        ref readonly Record thread = ref _threads[index];
        ref readonly X64Registers r = ref thread.Registers;
        bool isParked = (thread.State & Parked) != 0;
        return new HeldThread(thread.Id, r.Rip, r.Rsp, InSyscall: !isParked) { IsLeftAsleep = !isParked };
    }

    public void GetRegisters(int index, out FrameRegisters registers) => registers = FrameRegisters.From(_threads[index].Registers);

    // A parked thread can't be made to go on alone.
    public bool TryRunOut(int index, ReadOnlySpan<AddressRange> ranges) => false;

    public bool TrySeal() => IsSealed;

    public int Read(ulong address, Span<byte> buffer) => _target.WritableMemory.Read(address, buffer);

    // Through the hold, which writes nothing once it has ended.
    public int Write(ulong address, ReadOnlySpan<byte> data)
    {
        fixed (byte* p = data)
        {
            long count = Syscall.Call(Syscall.Pwrite64, _hold, (long)p, data.Length, (long)address);
            return count < 0 ? 0 : (int)count;
        }
    }

    /// <summary>Makes room for more threads, after EMSGSIZE.</summary>
    public void Grow() => _threads = GC.AllocateArray<Record>(_threads.Length * 2, pinned: true);

    /// <summary>Lets the target go.</summary>
    public void End()
    {
        if (_hold < 0) return;
        _ = Syscall.Call(Syscall.Close, _hold);
        Pause = Stopwatch.GetElapsedTime(_heldSince);
        _hold = -1;
    }

    public void Dispose() => End();

    private long TryReadThreads(bool count)
    {
        fixed (Record* p = _threads)
        {
            long size = Syscall.Call(Syscall.Read, _hold, (long)p, (long)_threads.Length * sizeof(Record));
            if (size >= 0 && count) ThreadCount = (int)(size / sizeof(Record));
            return size;
        }
    }
}
