using Pannus.Target;

namespace Pannus.Controller;

/// <summary>The ways into a process that this host offers.</summary>
public static class Backends
{
    private const string KernelDirectory = "/sys/kernel/pannus";
    private static readonly PtraceBackend s_ptrace = new();

    /// <summary>What each backend offers here, for this user.</summary>
    public static IReadOnlyList<BackendInfo> GetAll() => [Kernel(), Ptrace()];

    /// <summary>The backend to use. Error: <see cref="PatchErrorId.AccessDenied"/> for one that is not there.</summary>
    internal static ITargetBackend Select(BackendKind kind) => kind switch
    {
        BackendKind.Kernel => throw new PatchException(PatchErrorId.AccessDenied,
            $"The Kernel backend is not available: {Kernel().Missing} Use -Backend Ptrace or Auto."),
        _ => s_ptrace,
    };

    private static BackendInfo Kernel() => new()
    {
        Backend = BackendKind.Kernel,
        IsAvailable = false,
        IsDefault = false,
        Scope = "none",
        CanSuspendSeccomp = false,
        Detail = $"Linux {KernelRelease()}",
        Missing = Directory.Exists(KernelDirectory)
            ? "This version of Pannus cannot use the kernel's Pannus syscalls yet."
            : $"This kernel has no Pannus syscalls ({KernelDirectory} is not there).",
    };

    private static BackendInfo Ptrace()
    {
        bool all = TargetAccess.CanTraceOthers;
        int scope = TargetAccess.YamaScope() ?? 0;
        List<string> missing = [];
        if (!all && scope > 0)
            missing.Add($"kernel.yama.ptrace_scope is {scope}, which forbids tracing one's own processes: run as root, or set it to 0.");
        else if (!all) missing.Add("Other users' processes need CAP_SYS_PTRACE: run as root.");
        if (!TargetAccess.CanSuspendSeccomp) missing.Add("Targets under seccomp need CAP_SYS_ADMIN: run as root.");
        return new BackendInfo
        {
            Backend = BackendKind.Ptrace,
            IsAvailable = all || scope == 0,
            IsDefault = true,
            Scope = all ? "all" : scope == 0 ? "own" : "none",
            CanSuspendSeccomp = TargetAccess.CanSuspendSeccomp,
            Detail = $"Linux {KernelRelease()}, ptrace, memfd and /proc/PID/mem",
            Missing = string.Join(" ", missing),
        };
    }

    private static string KernelRelease() => (ProcFile.TryRead("/proc/sys/kernel/osrelease") ?? "").Trim();
}
