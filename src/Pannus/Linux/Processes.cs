namespace Pannus.Linux;

/// <summary>What the kernel tells of processes by a call of its own.</summary>
internal static class Processes
{
    internal const int KcmpVm = 1;

    /// <summary>Effective user id of this process.</summary>
    public static int EffectiveUserId => (int)Syscall.Call(Syscall.Geteuid);

    /// <summary>Whether two processes have one memory (kcmp(2)).</summary>
    public static bool ShareMemory(int one, int other) => Syscall.Call(Syscall.Kcmp, one, other, KcmpVm) == 0;

    /// <summary>Whether a thread of a process is there (tgkill(2) without a signal).</summary>
    public static bool HasThread(int id, int tid) => Syscall.Call(Syscall.Tgkill, id, tid, 0) == 0;
}
