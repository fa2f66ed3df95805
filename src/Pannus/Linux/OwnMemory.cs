namespace Pannus.Linux;

/// <summary>The memory of this very process (mmap(2), mlock(2)).</summary>
internal static unsafe class OwnMemory
{
    internal const int ProtectionReadWrite = 3, MapPrivate = 2, MapAnonymous = 0x20, MapNoReserve = 0x4000, AdviseHugePage = 14;
    private const int LargestErrno = 4095;

    /// <summary>Zeros that take no memory until they are looked at. Returns their address, or null and -errno.</summary>
    public static byte* TryAllocate(long length, out long error)
    {
        long result = Syscall.Call(Syscall.Mmap, 0, length, ProtectionReadWrite, MapPrivate | MapAnonymous | MapNoReserve, -1);
        error = result is < 0 and >= -LargestErrno ? result : 0;
        return error < 0 ? null : (byte*)result;
    }

    /// <summary>Asks for few large pages instead of thousands of small ones.</summary>
    public static void PreferHugePages(byte* start, long length) => _ = Syscall.Call(Syscall.Madvise, (long)start, length, AdviseHugePage);

    /// <summary>Takes that back.</summary>
    public static void Unmap(byte* start, ulong length) => _ = Syscall.Call(Syscall.Munmap, (long)start, (long)length);

    /// <summary>Keeps a stretch in memory, as far as this user may.</summary>
    public static void Lock(ulong start, ulong length) => _ = Syscall.Call(Syscall.Mlock, (long)start, (long)length);
}
