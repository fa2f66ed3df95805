using Pannus.Linux;
using Pannus.Machines;

namespace Pannus.Holding;

/// <summary>
/// Syscalls that fail with EINTR after any stop, because the kernel does not restart them (signal(7), "Interruption of
/// system calls"). The program must not notice us, so such a call is issued again: the program counter goes back to the
/// syscall instruction with the call's number in rax.
/// </summary>
/// <remarks>
/// Done only when the stop was our own and no signal waits to be handled; otherwise the EINTR may be the signal's, and
/// the program may rely on seeing it. A signal that does nothing, such as SIGCHLD without a handler, is one of ours too:
/// the kernel would have dropped it without waking anybody had the thread not been traced. A signal that arrives between that look and the call itself finds the program
/// where it would be had the signal come just before the call. A relative timeout starts anew; so threads in such calls are
/// not stopped at all where that can be avoided (<see cref="Sleepers"/>).
/// </remarks>
internal static class SyscallRestart
{
    /// <summary>
    /// Prepares a stopped thread to go back into the call that the stop took it out of. False when nothing but the end of the
    /// tracer thread is to let go of it.
    /// </summary>
    public static bool PrepareToGo(int tid, WaitStatus stop, in X64Registers registers)
    {
        if (Rewind(tid, stop, registers) is { } rewound)
        {
            _ = Ptrace.SetRegisters(tid, rewound);
        }
        else if (FilteredRestart.IsNeeded(tid, stop, registers))
        {
            if (FilteredRestart.TryRestart(tid, registers)) return false;
            // As the call that it was, which the filter knows, though with all of its time.
            _ = Ptrace.SetRegisters(tid, Again(registers));
        }
        return true;
    }

    /// <summary>Registers that issue the interrupted call again, or null when there is nothing to mend.</summary>
    public static X64Registers? Rewind(int tid, WaitStatus stop, in X64Registers registers)
    {
        if (!registers.InSyscall || (long)registers.Rax != -Errno.EINTR || (!stop.IsEventStop && stop.PendingSignal == 0)) return null;
        if (!TargetArchitecture.Of(registers).Syscalls.MayBeIssuedAgain((long)registers.OrigRax)) return null;
        if (ProcessStatus.TryRead(tid) is not { DeliverableSignals: 0 } status) return null;
        if (stop.PendingSignal is > 0 and var signal && (status.DiscardedSignals >> (signal - 1) & 1) == 0) return null;

        return Again(registers);
    }

    private static X64Registers Again(in X64Registers registers) =>
        registers with { Rax = registers.OrigRax, OrigRax = ulong.MaxValue, Rip = registers.Rip - 2 };
}
