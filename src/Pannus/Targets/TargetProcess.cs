using Pannus.Core;
using Pannus.Linux;
using Pannus.Machines;

namespace Pannus.Targets;

/// <summary>
/// A running process that is about to be looked at or patched. It is named by its id and its start time; a pidfd and
/// a descriptor of its memory are held from the first sight to the last write, so that a recycled id or an execve can
/// never lead a write astray.
/// </summary>
public sealed class TargetProcess : IDisposable
{
    private readonly Descriptor _pidfd;
    private readonly ProcessMemory _memory;
    private readonly byte[] _memoryPath;
    private ExecMark? _mark;
    private MemoryMap? _map;
    private IReadOnlyList<TargetModule>? _modules;

    private TargetProcess(int id, int viewId, ulong startTicks, Descriptor pidfd, ProcessMemory memory, ProcessStatus status)
    {
        Id = id;
        ViewId = viewId;
        StartTicks = startTicks;
        _pidfd = pidfd;
        _memory = memory;
        _memoryPath = [.. System.Text.Encoding.UTF8.GetBytes($"/proc/{id}/task/{viewId}/mem"), 0];
        Name = status.Name;
    }

    /// <summary>Process id in this pid namespace.</summary>
    public int Id { get; }

    /// <summary>Start time in clock ticks after boot (field 22 of proc(5) stat).</summary>
    public ulong StartTicks { get; }

    /// <summary>Command name as the kernel keeps it (at most 15 bytes).</summary>
    public string Name { get; }

    /// <summary>How messages name the target: "name (id)".</summary>
    public string DisplayName => $"{Name} ({Id})";

    /// <summary>
    /// The id whose directory in /proc shows the address space: the process, or a live thread of one whose first thread
    /// has ended (which then shows no maps, no memory and no root).
    /// </summary>
    internal int ViewId { get; }

    /// <summary>The target's root directory as seen from here; ends in no slash.</summary>
    public string Root => $"/proc/{ViewId}/root";

    /// <summary>The target's memory.</summary>
    public IMemoryReader Memory => _memory;

    internal ProcessMemory WritableMemory => _memory;

    /// <summary>The files that were opened for it, which it frees.</summary>
    internal TargetImages Images { get; } = new();

    /// <summary>The memory map, as of the first call or the last <see cref="Refresh"/>.</summary>
    internal MemoryMap Map => _map ??= ReadMap();

    /// <summary>
    /// The ELF files mapped into the target in the dynamic linker's search order: executable first, then its libraries,
    /// then whatever the dynamic linker does not list (vdso, statically loaded files).
    /// </summary>
    public IReadOnlyList<TargetModule> Modules => _modules ??= ModuleScanner.Scan(this);

    /// <summary>The module that an address lies in, or null.</summary>
    internal TargetModule? ModuleAt(ulong address) => Modules.FirstOrDefault(m => m.Contains(address));

    /// <summary>The program itself.</summary>
    public TargetModule Executable => Modules[0];

    /// <summary>What machine its program is for. Error: <see cref="PatchErrorId.ArchitectureMismatch"/> when Pannus cannot patch it.</summary>
    internal TargetArchitecture Architecture => TargetArchitecture.Of(Executable.Image)
        ?? throw TargetAccess.WrongArchitecture(DisplayName, Executable.Image);

    /// <summary>Ids of the threads that are there now.</summary>
    public IReadOnlyList<int> ThreadIds => [.. ProcFile.ThreadIds(Id)];

    /// <summary>
    /// Opens a process. Errors: <see cref="PatchErrorId.TargetNotFound"/>, <see cref="PatchErrorId.AccessDenied"/>,
    /// <see cref="PatchErrorId.TargetReplaced"/> when <paramref name="startTicks"/> is given and differs.
    /// </summary>
    public static TargetProcess Open(int id, ulong? startTicks = null)
    {
        if (id <= 0) throw NotFound(id);
        ulong found = ProcFile.StartTicks(id) ?? throw NotFound(id);
        if (startTicks is { } expected && expected != found) throw Replaced(id);
        ProcessStatus status = ProcessStatus.TryRead(id) ?? throw NotFound(id);
        if (TargetAccess.WhyNotATarget(id, status) is { } refusal) throw refusal;
        int viewId = TargetAccess.ViewId(id, status) ?? throw NotFound(id);

        Descriptor pidfd = Descriptor.TryOpenProcess(id, out long failure)
            ?? throw (-failure is Errno.EMFILE or Errno.ENFILE ? NoDescriptor(id) : NotFound(id));
        ProcessMemory? memory = null;
        try
        {
            memory = ProcessMemory.Open(id, viewId, out long error);
            if (memory is null || ProcFile.TryRead(MapsPath(id, viewId)) is null)
                throw WhyClosed(id, status, error);
            // Checked after both descriptors are open: from here on they belong to this very process.
            if (ProcFile.StartTicks(id) != found) throw Replaced(id);
            return new TargetProcess(id, viewId, found, pidfd, memory, status);
        }
        catch
        {
            memory?.Dispose();
            pidfd.Dispose();
            throw;
        }
    }

    /// <summary>Forgets the memory map and the modules, so that the next look reads them anew.</summary>
    public void Refresh()
    {
        _map = null;
        _modules = null;
    }

    /// <summary>Whether the process this was opened on still runs: a pidfd turns readable when its last thread ends.</summary>
    public bool IsAlive => !_pidfd.IsReadable;

    /// <summary>
    /// What an error really was: a process that exits has no memory, no map and no threads any more, each of which looks like
    /// something else for an instant.
    /// </summary>
    public PatchException Explain(PatchException error)
    {
        if (error.Id is PatchErrorId.TargetNotFound or PatchErrorId.Interrupted) return error;
        bool isLeaving = !IsAlive || ProcessStatus.TryRead(Id) is not { } status || TargetAccess.ViewId(Id, status) is null;
        return isLeaving ? new PatchException(PatchErrorId.TargetNotFound, $"{DisplayName} has exited.", error) : error;
    }

    /// <summary>
    /// Throws when the process is gone, or has become another program: <see cref="PatchErrorId.TargetNotFound"/>,
    /// <see cref="PatchErrorId.TargetReplaced"/>.
    /// </summary>
    internal void CheckStillThere()
    {
        if (WhyNotThere() is { } reason) throw reason;
    }

    /// <summary>What <see cref="CheckStillThere"/> throws; null when the process is there.</summary>
    internal PatchException? WhyNotThere() => !IsAlive ? new PatchException(PatchErrorId.TargetNotFound, $"{DisplayName} has exited.")
        : IsStillThere() ? null : HasStartedAnother();

    /// <summary>
    /// Whether the process is there, and still runs in the memory that was opened, which another process may keep alive.
    /// Allocates nothing once it was asked before.
    /// </summary>
    internal bool IsStillThere() => Mark.IsIn(_memory, _memoryPath) && IsAlive;

    /// <summary>
    /// Whether a thread that the calling thread has stopped belongs to this process still, and runs in the memory that was
    /// opened. To be asked after each stop, before a register or a byte is written. <see cref="CheckStillThere"/> was called
    /// before. Allocates nothing.
    /// </summary>
    internal bool IsMemoryOf(int tid) => IsAlive && Mark.IsSeenBy(_memory, tid);

    /// <summary>The error for a process that has become another program.</summary>
    internal PatchException HasStartedAnother() => new(PatchErrorId.TargetReplaced,
        $"{DisplayName} has started another program (execve) since it was looked at. Look it up again.");

    private ExecMark Mark => _mark ??= ExecMark.Find(this);

    /// <inheritdoc/>
    public void Dispose()
    {
        Images.Dispose();
        _memory.Dispose();
        _pidfd.Dispose();
        GC.SuppressFinalize(this);
    }

    private MemoryMap ReadMap() =>
        MemoryMap.Parse(ProcFile.TryRead(MapsPath(Id, ViewId)) ?? throw NotFound(Id));

    // By the process and the thread: an id alone may be another process's by then.
    private static string MapsPath(int id, int viewId) => $"/proc/{id}/task/{viewId}/maps";

    private static PatchException WhyClosed(int id, ProcessStatus status, long error)
    {
        if (-error is Errno.EMFILE or Errno.ENFILE) return NoDescriptor(id);
        // It may have begun to exit just now.
        return ProcessStatus.TryRead(id) is { } now && TargetAccess.ViewId(id, now) is not null
            ? TargetAccess.Denied(id, status, error) : new PatchException(PatchErrorId.TargetNotFound, $"{status.Name} ({id}) has exited.");
    }

    private static PatchException NoDescriptor(int id) => new(PatchErrorId.AccessDenied,
        $"Process {id} cannot be opened, as this process has no file descriptor left (EMFILE). Close files, or raise ulimit -n.");

    private static PatchException NotFound(int id) =>
        new(PatchErrorId.TargetNotFound, $"There is no process {id}.");

    private static PatchException Replaced(int id) =>
        new(PatchErrorId.TargetReplaced, $"Process {id} is another one than the one that was looked up: "
            + "that has exited and its id was used again. Look it up again.");
}
