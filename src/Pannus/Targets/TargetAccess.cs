using System.Globalization;
using Pannus.Core;
using Pannus.Elf;
using Pannus.Linux;
using Pannus.Machines;

namespace Pannus.Targets;

/// <summary>Whether this user may patch a process, and if not, who says no and what would make it possible.</summary>
internal static class TargetAccess
{
    private const int CapSysPtrace = 19, CapSysAdmin = 21;

    /// <summary>What makes a process no target at all, whoever asks; null when nothing does.</summary>
    public static PatchException? WhyNotATarget(int id, ProcessStatus status)
    {
        string name = $"{status.Name} ({id})";
        if (status.ThreadGroupId != id)
        {
            return new PatchException(PatchErrorId.TargetNotFound,
                $"{id} is a thread of process {status.ThreadGroupId}. Give the id of the process.");
        }
        if (id == Environment.ProcessId)
        {
            return new PatchException(PatchErrorId.AccessDenied,
                $"{name} is this very process, and a process cannot stop itself to be patched. Patch it from another one.");
        }
        if (ViewId(id, status) is null)
        {
            return status.State is 'Z' or 'X'
                ? new PatchException(PatchErrorId.TargetNotFound, $"{name} has exited and only waits for its parent.")
                : new PatchException(PatchErrorId.TargetNotFound, $"{name} is a kernel thread, or is just exiting: it has no program to patch.");
        }
        return null;
    }

    /// <summary>The thread whose /proc directory shows the address space; null when no thread has one.</summary>
    public static int? ViewId(int id, ProcessStatus status)
    {
        if (status.HasAddressSpace) return id;
        foreach (int tid in ProcFile.ThreadIds(id))
            if (tid != id && ProcessStatus.TryRead(tid) is { HasAddressSpace: true }) return tid;
        return null;
    }

    /// <summary>
    /// Another process that traces the target, as an error; null when none does. The kernel names the tracing thread.
    /// </summary>
    public static PatchException? WhyTraced(string name, int tracerThreadId)
    {
        if (tracerThreadId == 0) return null;
        int tracerId = ProcessStatus.TryRead(tracerThreadId)?.ThreadGroupId ?? tracerThreadId;
        string tracer = tracerId == Environment.ProcessId
            ? "a hold of this very process" : ProcessStatus.TryRead(tracerId)?.Name ?? "a process";
        return new PatchException(PatchErrorId.TargetTraced,
            $"{name} is traced by {tracer} ({tracerId}), and only one process can trace another. "
            + $"Detach {tracer} from it and try again.");
    }

    /// <summary>What about a program makes it one that Pannus cannot patch; null when nothing does.</summary>
    public static PatchException? WhyWrongArchitecture(string name, ElfImage program, ProcessStatus status)
    {
        if (TargetArchitecture.Of(program) is null) return WrongArchitecture(name, program);
        return status.HasShadowStack
            ? new PatchException(PatchErrorId.ArchitectureMismatch, $"{name} runs with user shadow stacks, which do not "
                + "let Pannus lead a thread home. Start it without them (glibc.cpu.x86_shstk=off in GLIBC_TUNABLES).")
            : null;
    }

    /// <summary>The refusal for a program of another machine.</summary>
    public static PatchException WrongArchitecture(string name, ElfImage program) => new(PatchErrorId.ArchitectureMismatch,
        $"{name} is a program for {TargetArchitecture.Describe(program)}, and Pannus patches those for "
        + $"{TargetArchitecture.X64.DisplayName} and {TargetArchitecture.IA32.DisplayName}.");

    /// <summary>
    /// Throws when it is known, without touching it, that a target can't be patched by this user, or not by one of its
    /// threads (<paramref name="borrowsThread"/>).
    /// </summary>
    public static void CheckCanPatch(TargetProcess target, bool borrowsThread)
    {
        ProcessStatus status = ProcessStatus.TryRead(target.ViewId)
            ?? throw new PatchException(PatchErrorId.TargetNotFound, $"{target.DisplayName} has exited.");
        if (WhyWrongArchitecture(target.DisplayName, target.Executable.Image, status) is { } machine) throw machine;
        if (WhyTraced(target.DisplayName, status.TracerId) is { } traced) throw traced;
        if (!target.WritableMemory.CanWrite) throw Denied(target.Id, status, 0);
        if (status.Seccomp != 0 && borrowsThread && !CanSuspendSeccomp) throw SeccompBlocks(target.DisplayName, status);
    }

    /// <summary>The refusal for a target under seccomp whose filter this user cannot suspend.</summary>
    public static PatchException SeccompBlocks(string name, ProcessStatus status) => new(PatchErrorId.SeccompBlocked,
        $"{name} runs under seccomp ({(status.Seccomp == 1 ? "strict" : "filter")} mode), which may kill it for the syscalls "
        + "that map a patch. Run Pannus with CAP_SYS_ADMIN, which lets it suspend the filter for that instant.");

    /// <summary>Explains why the kernel did not let this user touch a process (ptrace(2), access mode checking).</summary>
    public static PatchException Denied(int id, ProcessStatus status, long error)
    {
        string name = $"{status.Name} ({id})";
        int self = Processes.EffectiveUserId;
        string reason;
        if (HasCapability(CapSysPtrace))
        {
            reason = "this process has CAP_SYS_PTRACE, but the target may live in a user namespace that is not below "
                + "this one, or a security module (AppArmor, SELinux) may forbid it. Run Pannus in the target's user "
                + "namespace or above it, or change the module's policy";
        }
        else if (status.EffectiveUserId != self)
        {
            reason = $"it runs as user {status.EffectiveUserId} and this process as user {self} without CAP_SYS_PTRACE. "
                + "Run Pannus as that user or as root";
        }
        else if (YamaScope() is > 0 and var scope)
        {
            reason = $"kernel.yama.ptrace_scope is {scope}, which lets a process be traced only by its parent or with "
                + "CAP_SYS_PTRACE. Run Pannus as root, or set it to 0";
        }
        else
        {
            reason = "it has made itself non-dumpable (it changed its user or holds capabilities that this process does "
                + "not). Run Pannus as root";
        }

        string errno = error < 0 ? $" ({Errno.Text(-error)})" : "";
        return new PatchException(PatchErrorId.AccessDenied, $"The kernel does not let this user trace {name}{errno}: {reason}.");
    }

    /// <summary>Whether this process has CAP_SYS_ADMIN, which PTRACE_O_SUSPEND_SECCOMP needs.</summary>
    public static bool CanSuspendSeccomp => HasCapability(CapSysAdmin);

    /// <summary>Whether this process has CAP_SYS_PTRACE.</summary>
    public static bool CanTraceOthers => HasCapability(CapSysPtrace);

    /// <summary>kernel.yama.ptrace_scope, or null on a kernel without Yama.</summary>
    public static int? YamaScope() =>
        int.TryParse(ProcFile.TryRead("/proc/sys/kernel/yama/ptrace_scope"), CultureInfo.InvariantCulture, out int scope)
            ? scope : null;

    private static bool HasCapability(int capability)
    {
        string? line = ProcFile.TryRead("/proc/self/status")?.Split('\n')
            .FirstOrDefault(l => l.StartsWith("CapEff:", StringComparison.Ordinal));
        return line is not null && ulong.TryParse(line.AsSpan(7).Trim(), NumberStyles.HexNumber,
            CultureInfo.InvariantCulture, out ulong set) && (set >> capability & 1) != 0;
    }
}
