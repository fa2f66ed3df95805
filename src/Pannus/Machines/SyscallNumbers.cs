namespace Pannus.Machines;

/// <summary>
/// What becomes of a machine's syscalls when a stop interrupts them (signal(7), "Interruption of system calls"), by the
/// numbers that it has for them.
/// </summary>
internal sealed class SyscallNumbers
{
    private readonly long[] _restarted, _late, _failing, _uninterruptible;

    private SyscallNumbers(long[] restarted, long[] late, long[] failing, long[] uninterruptible)
    {
        _restarted = restarted;
        _late = late;
        _failing = failing;
        _uninterruptible = uninterruptible;
    }

    /// <summary>
    /// asm/unistd_64.h. Restarted: poll, pause, nanosleep, wait4, flock, rt_sigsuspend, futex, clock_nanosleep, waitid. Late:
    /// select, pselect6, ppoll. Failing: read, accept, sendto, recvfrom, sendmsg, recvmsg, semop, rt_sigtimedwait,
    /// io_getevents, semtimedop, epoll_wait, epoll_pwait, accept4, recvmmsg, sendmmsg, io_pgetevents, epoll_pwait2.
    /// Waiting for a file system: read, write, open, close, stat, fstat, lstat, pread64, pwrite64, readv, writev, sendfile,
    /// fsync, fdatasync, ftruncate, getdents, rename, mkdir, rmdir, unlink, sync, getdents64, openat, newfstatat, unlinkat,
    /// renameat, fallocate, preadv, pwritev, renameat2, syncfs, copy_file_range, statx.
    /// </summary>
    public static SyscallNumbers X64 { get; } = new(
        [7, 34, 35, 61, 73, 130, 202, 230, 247],
        [23, 270, 271],
        [0, 43, 44, 45, 46, 47, 65, 128, 208, 220, 232, 281, 288, 299, 307, 333, 441],
        [0, 1, 2, 3, 4, 5, 6, 17, 18, 19, 20, 40, 74, 75, 77, 78, 82, 83, 84, 87, 162, 217, 257, 262, 263, 264, 285, 295, 296,
            306, 316, 326, 332]) { Read = 0 };

    /// <summary>
    /// asm/unistd_32.h. Restarted: waitpid, pause, wait4, flock, nanosleep, poll, sigsuspend, rt_sigsuspend, futex,
    /// clock_nanosleep, waitid, clock_nanosleep_time64, futex_time64. Late: select, _newselect, pselect6, ppoll,
    /// pselect6_time64, ppoll_time64. Failing: read, socketcall, ipc, rt_sigtimedwait, io_getevents, epoll_wait, epoll_pwait,
    /// recvmmsg, sendmmsg, accept4, sendto, sendmsg, recvfrom, recvmsg, io_pgetevents, io_pgetevents_time64, recvmmsg_time64,
    /// semtimedop_time64, rt_sigtimedwait_time64, epoll_pwait2. Waiting for a file system: read, write, open, close,
    /// oldstat, stat, stat64, fstat, fstat64, lstat, lstat64, pread64, pwrite64, readv, writev, sendfile, sendfile64, fsync,
    /// fdatasync, ftruncate, ftruncate64, getdents, rename, mkdir, rmdir, unlink, sync, getdents64, openat, fstatat64, unlinkat,
    /// renameat, fallocate, preadv, pwritev, renameat2, syncfs, copy_file_range, statx.
    /// </summary>
    public static SyscallNumbers IA32 { get; } = new(
        [7, 29, 114, 143, 162, 168, 72, 179, 240, 267, 284, 407, 422],
        [82, 142, 308, 309, 413, 414],
        [3, 102, 117, 177, 247, 256, 319, 337, 345, 364, 369, 370, 371, 372, 385, 416, 417, 420, 421, 441],
        [3, 4, 5, 6, 18, 106, 195, 108, 197, 107, 196, 180, 181, 145, 146, 187, 239, 118, 148, 93, 194, 141, 38, 39, 40, 10, 36, 220,
            295, 300, 301, 302, 324, 333, 334, 353, 344, 377, 383]) { Read = 3 };

    /// <summary>read(2).</summary>
    public long Read { get; private init; }

    /// <summary>Whether a call survives a stop in every case.</summary>
    public bool IsRestarted(long number) => Contains(_restarted, number);

    /// <summary>Whether a call is restarted, but without the time that it was stopped for.</summary>
    public bool IsLate(long number) => Contains(_late, number);

    /// <summary>
    /// Whether a call may fail with EINTR after any stop, because the kernel does not restart it. The socket calls and read
    /// are such for sockets with SO_RCVTIMEO or SO_SNDTIMEO and for inotify.
    /// </summary>
    public bool FailsWithEintr(long number) => Contains(_failing, number);

    /// <summary>
    /// Whether a call may wait uninterruptibly for a file system. Not vfork and clone, which wait for a child that runs in the
    /// same memory, and nothing that may wait with the memory map locked.
    /// </summary>
    public bool MayWaitUninterruptibly(long number) => Contains(_uninterruptible, number);

    // Looked at while threads are held: nothing is allocated.
    private static bool Contains(long[] numbers, long number)
    {
        foreach (long candidate in numbers)
            if (candidate == number) return true;
        return false;
    }
}
