using System.Runtime.InteropServices;

namespace Pannus.Linux;

/// <summary>errno(3) values that Pannus decides on, and their texts.</summary>
internal static class Errno
{
    public const int EPERM = 1, ENOENT = 2, ESRCH = 3, EINTR = 4, EAGAIN = 11, EACCES = 13, EBUSY = 16, ENFILE = 23, EMFILE = 24,
        ENOTTY = 25, EMSGSIZE = 90, ETIMEDOUT = 110, EMEDIUMTYPE = 124, ECANCELED = 125;

    // Not in errno.h: what a syscall that a stop interrupted holds in rax until the kernel decides how to restart it
    // (include/linux/errno.h).
    public const int ERESTARTSYS = 512, ERESTARTNOINTR = 513, ERESTARTNOHAND = 514, ERESTART_RESTARTBLOCK = 516;

    /// <summary>The C library's text for an error number.</summary>
    public static string Text(long errno) => Marshal.GetPInvokeErrorMessage((int)errno);
}
