namespace Pannus.Linux;

/// <summary>
/// Keeps .NET from taking a stop of a tracee for the end of a child. A tracee's stop raises SIGCHLD in its tracer, upon
/// which System.Diagnostics.Process asks for any child that has a status and takes what it gets for an exit: a target that
/// this very process has started would be counted as dead, and its stop would be lost to us.
/// </summary>
internal static unsafe class ChildStops
{
    private const int SigChld = 17, FlagsWord = 1, ActionWords = 4;
    private const ulong SaNoCldStop = 1;

    /// <summary>
    /// Sets SA_NOCLDSTOP for SIGCHLD (sigaction(2)) and leaves the handler as it is. Called before each hold, as the
    /// runtime installs its handler with the first process that it starts.
    /// </summary>
    public static void Mute()
    {
        // struct kernel_sigaction of x86-64: handler, flags, restorer, mask.
        ulong* action = stackalloc ulong[ActionWords];
        if (Syscall.Call(Syscall.RtSigaction, SigChld, 0, (long)action, sizeof(ulong)) != 0) return;
        if (action[0] == 0 || (action[FlagsWord] & SaNoCldStop) != 0) return;
        action[FlagsWord] |= SaNoCldStop;
        _ = Syscall.Call(Syscall.RtSigaction, SigChld, (long)action, 0, sizeof(ulong));
    }
}
