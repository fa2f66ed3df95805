using System.Globalization;

namespace Pannus.Linux;

/// <summary>
/// Which file it is and in which state: two descriptors of the same identity show the same bytes (inode(7)). Whoever
/// changes a file, or brings its inode into use again, changes the time of the last status change, and that cannot be set.
/// </summary>
/// <param name="Device">st_dev.</param>
/// <param name="Inode">st_ino.</param>
/// <param name="Size">st_size, in bytes.</param>
/// <param name="Modified">st_mtim, in nanoseconds.</param>
/// <param name="Changed">st_ctim, in nanoseconds.</param>
internal readonly unsafe record struct FileIdentity(ulong Device, ulong Inode, long Size, long Modified, long Changed)
{
    // struct stat of x86-64 (asm/stat.h).
    private const int StatSize = 144, InodeOffset = 8, ModeOffset = 24, SizeOffset = 48, ModifiedOffset = 88, ChangedOffset = 104;
    private const uint TypeMask = 0xf000, Regular = 0x8000; // S_IFMT, S_IFREG
    private const long NanosecondsPerSecond = 1_000_000_000;

    /// <summary>The identity of an open file; null when it is no regular file.</summary>
    public static FileIdentity? Of(int descriptor)
    {
        byte* stat = stackalloc byte[StatSize];
        return Syscall.Call(Syscall.Fstat, descriptor, (long)stat) == 0 ? Read(stat) : null;
    }

    /// <summary>The identity of the file that a path leads to; null when there is none, or no regular file.</summary>
    public static FileIdentity? Of(string path)
    {
        byte* stat = stackalloc byte[StatSize];
        byte[] name = new byte[System.Text.Encoding.UTF8.GetByteCount(path) + 1];
        System.Text.Encoding.UTF8.GetBytes(path, name);
        fixed (byte* p = name) return Syscall.Call(Syscall.Stat, (long)p, (long)stat) == 0 ? Read(stat) : null;
    }

    /// <summary>What proc_locks(5) calls an open file of any kind: device and inode.</summary>
    public static string DeviceAndInode(int descriptor)
    {
        byte* stat = stackalloc byte[StatSize];
        if (Syscall.Call(Syscall.Fstat, descriptor, (long)stat) != 0) return "";
        // makedev(3).
        ulong device = *(ulong*)stat, major = (device >> 8) & 0xfff, minor = (device & 0xff) | ((device >> 12) & 0xfff00);
        return string.Create(CultureInfo.InvariantCulture, $"{major:x2}:{minor:x2}:{*(ulong*)(stat + InodeOffset)}");
    }

    private static FileIdentity? Read(byte* stat) => (*(uint*)(stat + ModeOffset) & TypeMask) != Regular ? null : new FileIdentity(
        *(ulong*)stat, *(ulong*)(stat + InodeOffset), *(long*)(stat + SizeOffset), Time(stat + ModifiedOffset), Time(stat + ChangedOffset));

    private static long Time(byte* at) => *(long*)at * NanosecondsPerSecond + *(long*)(at + 8);
}
