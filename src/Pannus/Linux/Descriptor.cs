using System.Text;

namespace Pannus.Linux;

/// <summary>How a file is opened (open(2)).</summary>
internal enum OpenMode
{
    /// <summary>O_RDONLY.</summary>
    Read = Syscall.ORdonly,
    /// <summary>O_WRONLY.</summary>
    Write = Syscall.OWronly,
    /// <summary>O_RDWR.</summary>
    ReadWrite = Syscall.ORdwr,
}

/// <summary>
/// A file descriptor that is closed once. What is read and written by it allocates nothing; results are the kernel's own: a
/// negative value is -errno.
/// </summary>
internal sealed unsafe class Descriptor : IDisposable
{
    private int _number;

    /// <summary>Takes a descriptor over; -1 for none yet.</summary>
    public Descriptor(int number = -1) => _number = number;

    /// <summary>Its number; -1 when it is closed.</summary>
    public int Number => _number;

    /// <summary>Whether there is one.</summary>
    public bool IsOpen => _number >= 0;

    /// <summary>Opens a file, not to be inherited; null when that fails.</summary>
    public static Descriptor? TryOpen(string path, OpenMode mode) => TryOpen(path, mode, out _);

    /// <summary>As the other, and gives -errno.</summary>
    public static Descriptor? TryOpen(string path, OpenMode mode, out long error) => Of(Syscall.Open(path, (int)mode), out error);

    /// <summary>A descriptor of a process (pidfd_open(2)); null when there is no such process.</summary>
    public static Descriptor? TryOpenProcess(int id, out long error) => Of(Syscall.Call(Syscall.PidfdOpen, id), out error);

    /// <summary>A file in memory of a name and a size (memfd_create(2)), not to be inherited.</summary>
    public static Descriptor? TryCreateMemory(string name, ulong size, out long error)
    {
        const long closeOnExec = 1;
        byte[] text = [.. Encoding.UTF8.GetBytes(name), 0];
        Descriptor? file;
        fixed (byte* p = text) file = Of(Syscall.Call(Syscall.MemfdCreate, (long)p, closeOnExec), out error);
        if (file is null || (error = Syscall.Call(Syscall.Ftruncate, file._number, (long)size)) >= 0) return file;
        file.Dispose();
        return null;
    }

    /// <summary>Closes it, and takes another over.</summary>
    public void Replace(int number)
    {
        Dispose();
        _number = number;
    }

    /// <summary>read(2): the number of bytes, 0 at the end.</summary>
    public long Read(Span<byte> buffer)
    {
        fixed (byte* p = buffer) return Syscall.Call(Syscall.Read, _number, (long)p, buffer.Length);
    }

    /// <summary>pread(2).</summary>
    public long ReadAt(long offset, Span<byte> buffer) => ReadAt(_number, offset, buffer);

    /// <summary>The same of a descriptor that another owns.</summary>
    public static long ReadAt(int number, long offset, Span<byte> buffer)
    {
        fixed (byte* p = buffer) return Syscall.Call(Syscall.Pread64, number, (long)p, buffer.Length, offset);
    }

    /// <summary>Opens a file by a path that ends in a NUL, reads from an offset, and closes it. Allocates nothing.</summary>
    public static long ReadOnce(ReadOnlySpan<byte> path, long offset, Span<byte> buffer)
    {
        int number = Syscall.Open(path, Syscall.ORdonly);
        if (number < 0) return number;
        long count = ReadAt(number, offset, buffer);
        _ = Syscall.Call(Syscall.Close, number);
        return count;
    }

    /// <summary>write(2).</summary>
    public long Write(ReadOnlySpan<byte> data)
    {
        fixed (byte* p = data) return Syscall.Call(Syscall.Write, _number, (long)p, data.Length);
    }

    /// <summary>pwrite(2).</summary>
    public long WriteAt(long offset, ReadOnlySpan<byte> data)
    {
        fixed (byte* p = data) return Syscall.Call(Syscall.Pwrite64, _number, (long)p, data.Length, offset);
    }

    /// <summary>Whether poll(2) finds it readable at once.</summary>
    public bool IsReadable => Syscall.IsReadable(_number);

    /// <summary>flock(2), without waiting.</summary>
    public long TryLock(bool isShared) => Syscall.Call(Syscall.Flock, _number, (isShared ? LockShared : LockExclusive) | LockWithoutWait);

    internal const int LockShared = 1, LockExclusive = 2, LockWithoutWait = 4;

    /// <summary>Type of the file system that it lies on (statfs(2), f_type); 0 when that cannot be told.</summary>
    public long FileSystem
    {
        get
        {
            long* status = stackalloc long[StatfsSize / sizeof(long)];
            return Syscall.Call(Syscall.Fstatfs, _number, (long)status) == 0 ? *status : 0;
        }
    }

    internal const int StatfsSize = 120;

    /// <inheritdoc/>
    public void Dispose()
    {
        int number = Interlocked.Exchange(ref _number, -1);
        if (number >= 0) _ = Syscall.Call(Syscall.Close, number);
    }

    private static Descriptor? Of(long result, out long error)
    {
        error = Math.Min(result, 0);
        return result < 0 ? null : new Descriptor((int)result);
    }
}
