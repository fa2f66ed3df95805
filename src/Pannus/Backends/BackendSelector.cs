using Pannus.Core;
using Pannus.Linux;
using Pannus.Targets;

namespace Pannus.Backends;

/// <summary>The ways into a process that this host offers.</summary>
public static class BackendSelector
{
    private static readonly PtraceBackend s_ptrace = new();
    private static readonly KernelBackend? s_kernel = KernelCalls.Find() is { } calls ? new KernelBackend(calls, s_ptrace) : null;

    /// <summary>What each backend offers here, for this user.</summary>
    public static IReadOnlyList<BackendInfo> GetAll() => [Kernel(), Ptrace()];

    /// <summary>The backend that <see cref="BackendKind.Auto"/> stands for on this host.</summary>
    internal static ITargetBackend Default => s_kernel is not null ? s_kernel : s_ptrace;

    /// <summary>
    /// The backend to use when a running thread has to be led out of a function while the others stand still, which the
    /// kernel's hold can't.
    /// </summary>
    internal static ITargetBackend ForRunningOut(BackendKind asked, ITargetBackend selected) =>
        asked == BackendKind.Auto ? s_ptrace : selected;

    /// <summary>Why <see cref="BackendKind.Auto"/> is not <see cref="BackendKind.Kernel"/> here; empty when it is.</summary>
    internal static string WhyNotKernel => s_kernel is null ? Kernel().Missing : "";

    /// <summary>The backend to use. Error: <see cref="PatchErrorId.AccessDenied"/> for one that is not there.</summary>
    internal static ITargetBackend Select(BackendKind kind) => kind switch
    {
        BackendKind.Kernel => s_kernel ?? throw new PatchException(PatchErrorId.AccessDenied,
            $"The Kernel backend is not available: {Kernel().Missing} Use -Backend Ptrace or Auto."),
        BackendKind.Ptrace => s_ptrace,
        _ => Default,
    };

    private static BackendInfo Kernel()
    {
        int? abi = KernelCalls.FoundAbi;
        bool all = TargetAccess.CanTraceOthers;
        return new BackendInfo
        {
            Backend = BackendKind.Kernel,
            IsAvailable = s_kernel is not null,
            IsDefault = s_kernel is not null,
            Scope = s_kernel is null ? "none" : all ? "all" : "own",
            CanSuspendSeccomp = s_kernel is not null, // It needs no syscall of the target's.
            Detail = s_kernel is null ? $"Linux {KernelRelease()}" : $"Linux {KernelRelease()}, Pannus syscalls, interface {abi}",
            Missing = s_kernel is not null ? all ? "" : "Other users' processes need CAP_SYS_PTRACE: run as root."
                : abi is null ? $"This kernel has no Pannus syscalls ({KernelCalls.Directory} is not there)."
                : $"This kernel's Pannus syscalls have interface {abi}, and this module knows {KernelCalls.Abi}.",
        };
    }

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
            IsDefault = s_kernel is null,
            Scope = all ? "all" : scope == 0 ? "own" : "none",
            CanSuspendSeccomp = TargetAccess.CanSuspendSeccomp,
            Detail = $"Linux {KernelRelease()}, ptrace, memfd and /proc/PID/mem",
            Missing = string.Join(" ", missing),
        };
    }

    private static string KernelRelease() => (ProcFile.TryRead("/proc/sys/kernel/osrelease") ?? "").Trim();
}
