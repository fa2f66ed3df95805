using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

[assembly: DisableRuntimeMarshalling]

namespace Pannus.Linux;

/// <summary>
/// The one door to the kernel: syscall(2) with blittable arguments, so that ReadyToRun compiles the calls ahead and
/// none of them is first compiled while a target is held. Results are the kernel's own: a negative value is -errno.
/// </summary>
internal static unsafe partial class Syscall
{
    // Numbers of asm/unistd_64.h. The patcher itself is always 64-bit, whatever its target is.
    public const long Read = 0, Write = 1, Close = 3, Stat = 4, Fstat = 5, Poll = 7, Lseek = 8, Mmap = 9, Munmap = 11, Madvise = 28, RtSigaction = 13, Ioctl = 16, Pread64 = 17, Pwrite64 = 18,
        SchedYield = 24, Nanosleep = 35, Wait4 = 61, Flock = 73, Ftruncate = 77, Ptrace = 101, Geteuid = 107, Fstatfs = 138, Getpriority = 140, Setpriority = 141, Mlock = 149, Prctl = 157,
        Gettid = 186, Futex = 202, SchedSetscheduler = 144, SchedGetscheduler = 145, SchedSetaffinity = 203, SchedGetaffinity = 204,
        TimerCreate = 222, TimerSettime = 223, TimerDelete = 226, Tgkill = 234,
        Pselect6 = 270, Getcpu = 309, Kcmp = 312, MemfdCreate = 319, PidfdOpen = 434;

    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial nint RawCall(nint number, nint a, nint b, nint c, nint d, nint e, nint f);

    [LibraryImport("libc", EntryPoint = "open")]
    private static partial int RawOpen(byte* path, int flags, int mode);

    /// <summary>Calls the kernel. Returns the result, or -errno.</summary>
    public static long Call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0)
    {
        nint result = RawCall((nint)number, (nint)a, (nint)b, (nint)c, (nint)d, (nint)e, (nint)f);
        return result == -1 ? -Marshal.GetLastSystemError() : result;
    }

    /// <summary>open(2) with O_CLOEXEC. Returns a descriptor, or -errno.</summary>
    public static int Open(string path, int flags)
    {
        byte[] name = new byte[System.Text.Encoding.UTF8.GetByteCount(path) + 1];
        System.Text.Encoding.UTF8.GetBytes(path, name);
        return Open(name, flags);
    }

    /// <summary>The same, for a path that ends in a NUL. Allocates nothing.</summary>
    public static int Open(ReadOnlySpan<byte> path, int flags)
    {
        fixed (byte* p = path)
        {
            int result = RawOpen(p, flags | OCloexec, 0);
            return result == -1 ? -Marshal.GetLastSystemError() : result;
        }
    }

    /// <summary>Whether poll(2) finds a descriptor readable at once.</summary>
    public static bool IsReadable(int descriptor)
    {
        // struct pollfd: int fd; short events; short revents. POLLIN is 1.
        int* request = stackalloc int[2] { descriptor, 1 };
        return Call(Poll, (long)request, 1, 0) > 0;
    }

    public const int ORdonly = 0, OWronly = 1, ORdwr = 2, ONoctty = 0x100, ONonblock = 0x800, OCloexec = 0x80000, OPath = 0x200000;
}
