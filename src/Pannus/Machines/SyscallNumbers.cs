using Pannus.Linux;

namespace Pannus.Machines;

/// <summary>
/// What becomes of a machine's syscalls when a stop interrupts them, by the numbers that it has for them.
/// </summary>
/// <remarks>
/// A stop is a signal to every wait in the kernel that a signal may end, and each decides for itself what its call returns. Read
/// from the sources of Linux 6.1 (the files named below; later kernels were not read), that is one of:
/// 1. the call goes on as if nothing had been: -ERESTARTSYS, -ERESTARTNOINTR or -ERESTARTNOHAND with nothing done and no time
///    to count, or -ERESTART_RESTARTBLOCK, which keeps the time (kernel/futex, kernel/exit.c, ipc/msg.c, ipc/mqueue.c,
///    fs/locks.c, fs/select.c for poll, kernel/time, kernel/signal.c). These are listed, call by call;
/// 2. it goes on, and ends later by the time that it was stopped for (fs/select.c but for poll);
/// 3. it fails with EINTR (fs/eventpoll.c, fs/aio.c, io_uring/io_uring.c, ipc/sem.c, kernel/signal.c for sigtimedwait; whatever
///    waits for a socket with SO_RCVTIMEO or SO_SNDTIMEO, include/net/sock.h, by whichever call, splice and sendfile
///    included; every file system that asks somebody, fs/fuse/dev.c; mm/shmem.c);
/// 4. it returns with a part of the work done (writes to pipes and sockets, MSG_WAITALL, io_uring_enter that has submitted).
/// What is 3 or 4 depends on the file, and new calls come with every kernel. So a call that is not known to be 1 or 2 is taken to
/// notice.
/// </remarks>
internal sealed class SyscallNumbers
{
    private const ulong FutexCommand = 0x7f, FutexWaitRequeuePi = 11, IoUringExtendedArgument = 1 << 3;

    private readonly long[] _restarted, _late, _final, _uninterruptible;
    private readonly (long Number, int Argument)[] _timeouts;

    private SyscallNumbers(long[] restarted, long[] late, long[] final, (long, int)[] timeouts, long[] uninterruptible)
    {
        _restarted = restarted;
        _late = late;
        _final = final;
        _timeouts = timeouts;
        _uninterruptible = uninterruptible;
    }

    /// <summary>
    /// asm/unistd_64.h. Restarted: poll, pause, nanosleep, wait4, msgsnd, msgrcv, flock, rt_sigsuspend, futex, restart_syscall,
    /// clock_nanosleep, mq_timedsend, mq_timedreceive, waitid, futex_waitv, futex_wait. Late: select, pselect6, ppoll. Final:
    /// close, rt_sigreturn, restart_syscall, close_range. Timeouts: epoll_wait, epoll_pwait (milliseconds); rt_sigtimedwait,
    /// io_getevents, semtimedop, recvmmsg, io_pgetevents, epoll_pwait2.
    /// Waiting for a file system: read, write, open, close, stat, fstat, lstat, pread64, pwrite64, readv, writev, sendfile,
    /// fsync, fdatasync, ftruncate, getdents, rename, mkdir, rmdir, unlink, sync, getdents64, openat, newfstatat, unlinkat,
    /// renameat, fallocate, preadv, pwritev, renameat2, syncfs, copy_file_range, statx.
    /// </summary>
    public static SyscallNumbers X64 { get; } = new(
        [7, 34, 35, 61, 69, 70, 73, 130, 202, 219, 230, 242, 243, 247, 449, 455],
        [23, 270, 271],
        [3, 15, 219, 436],
        [(128, 2), (208, 4), (220, 3), (299, 4), (333, 4), (441, 3)],
        [0, 1, 2, 3, 4, 5, 6, 17, 18, 19, 20, 40, 74, 75, 77, 78, 82, 83, 84, 87, 162, 217, 257, 262, 263, 264, 285, 295, 296,
            306, 316, 326, 332])
    { Read = 0, RestartSyscall = 219, Futex = 202, EpollWaits = [232, 281], SemOp = 65, IoUringEnter = 426 };

    /// <summary>
    /// asm/unistd_32.h. Restarted: restart_syscall, waitpid, pause, wait4, flock, nanosleep, poll, sigsuspend, rt_sigsuspend,
    /// futex, clock_nanosleep, mq_timedsend, mq_timedreceive, waitid, msgsnd, msgrcv, clock_nanosleep_time64,
    /// mq_timedsend_time64, mq_timedreceive_time64, futex_time64, futex_waitv, futex_wait. Late: select, _newselect, pselect6,
    /// ppoll, pselect6_time64, ppoll_time64. Final: restart_syscall, close, sigreturn, rt_sigreturn, close_range. Timeouts:
    /// epoll_wait, epoll_pwait (milliseconds); rt_sigtimedwait, io_getevents, recvmmsg, io_pgetevents, io_pgetevents_time64,
    /// recvmmsg_time64, semtimedop_time64, rt_sigtimedwait_time64, epoll_pwait2. Waiting for a file system: read, write, open,
    /// close, oldstat, stat, stat64, fstat, fstat64, lstat, lstat64, pread64, pwrite64, readv, writev, sendfile, sendfile64,
    /// fsync, fdatasync, ftruncate, ftruncate64, getdents, rename, mkdir, rmdir, unlink, sync, getdents64, openat, fstatat64,
    /// unlinkat, renameat, fallocate, preadv, pwritev, renameat2, syncfs, copy_file_range, statx.
    /// </summary>
    public static SyscallNumbers IA32 { get; } = new(
        [0, 7, 29, 114, 143, 162, 168, 72, 179, 240, 267, 279, 280, 284, 400, 402, 407, 418, 419, 422, 449, 455],
        [82, 142, 308, 309, 413, 414],
        [0, 6, 119, 173, 436],
        [(177, 2), (247, 4), (337, 4), (385, 4), (416, 4), (417, 4), (420, 3), (421, 2), (441, 3)],
        [3, 4, 5, 6, 18, 106, 195, 108, 197, 107, 196, 180, 181, 145, 146, 187, 239, 118, 148, 93, 194, 141, 38, 39, 40, 10, 36, 220,
            295, 300, 301, 302, 324, 333, 334, 353, 344, 377, 383])
    { Read = 3, RestartSyscall = 0, Futex = 240, EpollWaits = [256, 319], SemOp = -1, IoUringEnter = 426 };

    /// <summary>restart_syscall(2), by which the kernel goes on with a call after a stop.</summary>
    public long RestartSyscall { get; private init; }

    /// <summary>read(2).</summary>
    public long Read { get; private init; }

    private long Futex { get; init; }

    private long[] EpollWaits { get; init; } = [];

    private long SemOp { get; init; }

    private long IoUringEnter { get; init; }

    /// <summary>Whether a call goes on after a stop as if nothing had been.</summary>
    public bool IsRestarted(in SleepingCall call) => Contains(_restarted, call.Number)
        && !(call.Number == Futex && (call.Argument(1) & FutexCommand) == FutexWaitRequeuePi);

    /// <summary>Whether a call is restarted, but without the time that it was stopped for.</summary>
    public bool IsLate(in SleepingCall call) => Contains(_late, call.Number);

    /// <summary>Whether a call that has failed with EINTR can be issued again: not one that has done its work then.</summary>
    public bool MayBeIssuedAgain(long number) => !Contains(_final, number);

    /// <summary>Whether a call that fails with EINTR has no timeout, which would begin again when it is issued again.</summary>
    public bool HasNoTimeout(in SleepingCall call)
    {
        // A timeout in milliseconds is an int; one that is pointed to is none when the pointer is 0.
        if (Contains(EpollWaits, call.Number)) return (int)call.Argument(3) < 0;
        if (call.Number == IoUringEnter) return (call.Argument(3) & IoUringExtendedArgument) == 0;
        foreach ((long number, int argument) in _timeouts)
            if (number == call.Number) return call.Argument(argument) == 0;
        return call.Number == SemOp;
    }

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
