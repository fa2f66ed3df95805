using Pannus.Core;

namespace Pannus.Linux;

/// <summary>
/// <c>/proc/PID/mem</c> of a target. The descriptor is tied to the address space it was opened on: after an execve the
/// old one stays behind it, so nothing is ever written into a program that was not looked at (proc(5)).
/// </summary>
internal sealed unsafe class ProcessMemory : IMemory, IDisposable
{
    private int _descriptor;

    private ProcessMemory(int descriptor, bool canWrite)
    {
        _descriptor = descriptor;
        CanWrite = canWrite;
    }

    /// <summary>Whether this user may write to the target.</summary>
    public bool CanWrite { get; }

    /// <summary>Opens the memory of a process, for writing where that is allowed. Returns null and -errno on failure.</summary>
    public static ProcessMemory? Open(int pid, out long error)
    {
        error = 0;
        string path = $"/proc/{pid}/mem";
        int descriptor = Syscall.Open(path, Syscall.ORdwr);
        if (descriptor >= 0) return new ProcessMemory(descriptor, canWrite: true);
        error = descriptor;
        descriptor = Syscall.Open(path, Syscall.ORdonly);
        return descriptor >= 0 ? new ProcessMemory(descriptor, canWrite: false) : null;
    }

    /// <inheritdoc/>
    public int Read(ulong address, Span<byte> buffer)
    {
        int done = 0;
        fixed (byte* p = buffer)
        {
            while (done < buffer.Length)
            {
                long count = Syscall.Call(
                    Syscall.Pread64, _descriptor, (long)(p + done), buffer.Length - done, (long)address + done);
                if (count == -Errno.EINTR) continue;
                if (count <= 0) break;
                done += (int)count;
            }
        }
        return done;
    }

    /// <summary>
    /// Writes, also over read-only private mappings, of which the kernel makes a private copy (FOLL_FORCE). Returns how
    /// many bytes were written.
    /// </summary>
    public int Write(ulong address, ReadOnlySpan<byte> data)
    {
        int done = 0;
        fixed (byte* p = data)
        {
            while (done < data.Length)
            {
                long count = Syscall.Call(
                    Syscall.Pwrite64, _descriptor, (long)(p + done), data.Length - done, (long)address + done);
                if (count == -Errno.EINTR) continue;
                if (count <= 0) break;
                done += (int)count;
            }
        }
        return done;
    }

    /// <summary>Reads a file of /proc from its beginning, of which one read gives all; returns its length, or -errno.</summary>
    public static int ReadAt(int descriptor, Span<byte> buffer)
    {
        fixed (byte* p = buffer) return (int)Syscall.Call(Syscall.Pread64, descriptor, (long)p, buffer.Length, 0);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        int descriptor = Interlocked.Exchange(ref _descriptor, -1);
        if (descriptor >= 0) _ = Syscall.Call(Syscall.Close, descriptor);
    }
}
