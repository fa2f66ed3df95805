using System.Globalization;
using Pannus.Core;

namespace Pannus.Linux;

/// <summary>
/// The four system calls of a kernel with the Pannus patch (kernel-patch/ABI.md), by the numbers that it shows in
/// /sys/kernel/pannus. All return a result or -errno.
/// </summary>
internal sealed unsafe class KernelCalls
{
    /// <summary>Where the kernel shows them.</summary>
    public const string Directory = "/sys/kernel/pannus";

    /// <summary>The only version of the interface that this module knows.</summary>
    public const int Abi = 1;

    private const int Start = 0, Stop = 1, Look = 2, HoldLooked = 3, DeadlineShift = 8, MapPrivate = 2, MapFixedNoReplace = 0x100000, MapUnmap = 0x10000000;
    private const int SeekSet = 0;

    private readonly long _mmap3, _pcntl;

    private KernelCalls(long mmap3, long pcntl)
    {
        _mmap3 = mmap3;
        _pcntl = pcntl;
    }

    /// <summary>The version that the kernel shows; null when it has no such calls.</summary>
    public static int? FoundAbi => (int?)Number("abi");

    /// <summary>The calls of this kernel; null when it has none of a version that is known.</summary>
    public static KernelCalls? Find() => FoundAbi == Abi && Number("mmap3") is { } mmap3 && Number("pcntl") is { } pcntl
        ? new KernelCalls(mmap3, pcntl) : null;

    /// <summary>Maps a stretch of a file of ours into a process at an address where nothing is.</summary>
    public long Map(int pid, ulong address, ulong length, MemoryAccess access, int descriptor, ulong offset)
    {
        // The descriptor's position is the offset.
        long result = Syscall.Call(Syscall.Lseek, descriptor, (long)offset, SeekSet);
        return result < 0 ? result : Syscall.Call(_mmap3, (long)address, (long)length, (long)(access & ~MemoryAccess.Shared),
            MapPrivate | MapFixedNoReplace, descriptor, pid);
    }

    /// <summary>Unmaps private mappings of files from a process.</summary>
    public long Unmap(int pid, ulong address, ulong length) =>
        Syscall.Call(_mmap3, (long)address, (long)length, 0, MapUnmap, -1, pid);

    /// <summary>Stops a process for at most a time, in whole milliseconds; returns the descriptor of the hold.</summary>
    public long Hold(int pid, int milliseconds) => Syscall.Call(_pcntl, pid, Stop | milliseconds << DeadlineShift);

    /// <summary>Notes the registers of threads that sleep, and holds nobody; returns a descriptor.</summary>
    public long LookAt(int pid) => Syscall.Call(_pcntl, pid, Look);

    /// <summary>Stops what was looked at, once; returns for how long what ran has been held then, in nanoseconds.</summary>
    public long HoldAfterLook(int descriptor, int milliseconds) =>
        Syscall.Call(_pcntl, descriptor, HoldLooked | milliseconds << DeadlineShift);

    /// <summary>Lets go what this process holds.</summary>
    public long LetGo(int pid) => Syscall.Call(_pcntl, pid, Start);

    private static long? Number(string file) => long.TryParse(
        ProcFile.TryRead($"{Directory}/{file}"), NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out long number) ? number : null;
}
