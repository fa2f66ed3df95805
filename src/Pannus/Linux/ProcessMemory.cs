using Pannus.Core;

namespace Pannus.Linux;

/// <summary>
/// <c>/proc/PID/mem</c> of a target. The descriptor is tied to the address space it was opened on: after an execve the
/// old one stays behind it, so nothing is ever written into a program that was not looked at (proc(5)).
/// </summary>
internal sealed class ProcessMemory : IMemory, IDisposable
{
    private readonly Descriptor _descriptor;

    private ProcessMemory(Descriptor descriptor, bool canWrite)
    {
        _descriptor = descriptor;
        CanWrite = canWrite;
    }

    /// <summary>Whether this user may write to the target.</summary>
    public bool CanWrite { get; }

    /// <summary>Opens the memory of a process, for writing where that is allowed. Returns null and -errno on failure.</summary>
    public static ProcessMemory? Open(int pid, out long error) => Open($"/proc/{pid}/mem", out error);

    /// <summary>The same, by a thread of the process.</summary>
    public static ProcessMemory? Open(int pid, int tid, out long error) => Open($"/proc/{pid}/task/{tid}/mem", out error);

    private static ProcessMemory? Open(string path, out long error)
    {
        if (Descriptor.TryOpen(path, OpenMode.ReadWrite, out error) is { } both) return new ProcessMemory(both, canWrite: true);
        return Descriptor.TryOpen(path, OpenMode.Read) is { } descriptor ? new ProcessMemory(descriptor, canWrite: false) : null;
    }

    /// <inheritdoc/>
    public int Read(ulong address, Span<byte> buffer)
    {
        int done = 0;
        while (done < buffer.Length)
        {
            long count = _descriptor.ReadAt((long)address + done, buffer[done..]);
            if (count == -Errno.EINTR) continue;
            if (count <= 0) break;
            done += (int)count;
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
        while (done < data.Length)
        {
            long count = _descriptor.WriteAt((long)address + done, data[done..]);
            if (count == -Errno.EINTR) continue;
            if (count <= 0) break;
            done += (int)count;
        }
        return done;
    }

    /// <inheritdoc/>
    public void Dispose() => _descriptor.Dispose();
}
