using System.Buffers.Text;

namespace Pannus.Linux;

/// <summary>
/// The stat file of a thread, kept open (proc_pid_stat(5)). To read it allocates nothing, and unlike a look into its memory
/// does not keep the thread from mapping (mmap_lock). The file of a process, which /proc/TID/stat is as well, takes the kernel
/// a look at all of its threads.
/// </summary>
internal struct ThreadStat : IDisposable
{
    // Behind the name, the state is the first field and the processor the 37th.
    private const int ProcessorField = 36;

    private const int FlagsField = 6;

    // linux/sched.h: PF_IO_WORKER, and PF_USER_WORKER, whose bit meant something else before Linux 6.4.
    private static readonly uint s_kernelWorker = 0x10 | (Environment.OSVersion.Version >= new Version(6, 4) ? 0x4000u : 0);

    private Descriptor? _descriptor;

    /// <summary>Of no thread.</summary>
    public static ThreadStat None => new() { State = 'X', Processor = -1 };

    /// <summary>State letter: R, S, D, T, t, Z, X. X as well when the thread is gone.</summary>
    public char State { get; private set; }

    /// <summary>Processor that the thread runs on, or ran on last; -1 when the thread is gone.</summary>
    public int Processor { get; private set; }

    /// <summary>
    /// Whether it is a thread of the kernel's that works for the process and never runs its code: of io_uring, or of vhost.
    /// </summary>
    public bool IsKernelWorker { get; private set; }

    /// <summary>Whether the thread has a processor, waits for one, or for memory or a disk.</summary>
    public readonly bool IsBusy => State is 'R' or 'D';

    /// <summary>Whether that is the processor that the calling thread runs on.</summary>
    public readonly bool IsHere => Scheduler.Processor is >= 0 and var here && here == Processor;

    /// <summary>Opens the file and reads it a first time.</summary>
    public static ThreadStat Open(int pid, int tid)
    {
        var stat = new ThreadStat { _descriptor = Descriptor.TryOpen($"/proc/{pid}/task/{tid}/stat", OpenMode.Read) };
        stat.Read();
        return stat;
    }

    /// <summary>State and processor right now.</summary>
    public static ThreadStat Read(int pid, int tid)
    {
        using ThreadStat stat = Open(pid, tid);
        return stat;
    }

    /// <summary>Reads the file again.</summary>
    public void Read()
    {
        Span<byte> text = stackalloc byte[1024];
        int length = (int)(_descriptor?.ReadAt(0, text) ?? 0);
        // The name is in parentheses and may hold some; nothing that follows does.
        int end = length > 0 ? text[..length].LastIndexOf((byte)')') : -1;
        (State, Processor) = ('X', -1);
        if (end < 0 || end + 2 >= length) return;
        ReadOnlySpan<byte> fields = text[(end + 2)..length];
        State = (char)fields[0];
        for (int i = 0; i < ProcessorField; i++)
        {
            if (i == FlagsField) IsKernelWorker = Utf8Parser.TryParse(fields, out uint flags, out _) && (flags & s_kernelWorker) != 0;
            fields = fields[(fields.IndexOf((byte)' ') + 1)..];
        }
        if (Utf8Parser.TryParse(fields, out int processor, out _)) Processor = processor;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _descriptor?.Dispose();
        _descriptor = null;
    }
}
