namespace Pannus.Linux;

/// <summary>
/// ptrace(2), one method per request that Pannus uses. All return 0 or -errno. The kernel ties a tracee to the very
/// thread that seized it, so every call for it comes from that thread.
/// </summary>
internal static unsafe class Ptrace
{
    private const int GetRegsRequest = 12, SetRegsRequest = 13, ContRequest = 7, DetachRequest = 17,
        SeizeRequest = 0x4206, InterruptRequest = 0x4207, GetRegSetRequest = 0x4204, SetRegSetRequest = 0x4205,
        SetSigMaskRequest = 0x420b, GetSigMaskRequest = 0x420a,
        GetEventMessageRequest = 0x4201, GetSigInfoRequest = 0x4202,
        PeekDataRequest = 2, SyscallRequest = 24, SetOptionsRequest = 0x4200, SeccompGetFilter = 0x420c,
        SyscallInfo = 0x420e, RseqConfiguration = 0x420f, UserDispatchConfiguration = 0x4211;

    /// <summary>PTRACE_O_TRACECLONE: threads made by a tracee are tracees from birth.</summary>
    public const long OptionTraceClone = 1 << 3;

    /// <summary>PTRACE_O_SUSPEND_SECCOMP: needs CAP_SYS_ADMIN.</summary>
    public const long OptionSuspendSeccomp = 1 << 21;

    /// <summary>PTRACE_O_TRACESYSGOOD: a stop in a syscall is told from a SIGTRAP.</summary>
    public const long OptionSyscallStops = 1;

    /// <summary>PTRACE_EVENT_CLONE: the tracee has made a thread, whose id is the event message.</summary>
    public const int EventClone = 3;

    /// <summary>NT_X86_XSTATE: the XSAVE area.</summary>
    public const int XStateSet = 0x202;

    public static long Seize(int tid, long options) => Call(SeizeRequest, tid, 0, options);

    public static long Interrupt(int tid) => Call(InterruptRequest, tid, 0, 0);

    public static long Continue(int tid, int signal) => Call(ContRequest, tid, 0, signal);

    /// <summary>As <see cref="Continue"/>, up to the entry of the next syscall or the exit of the one that it is in.</summary>
    public static long ContinueToSyscall(int tid, int signal) => Call(SyscallRequest, tid, 0, signal);

    /// <summary>Replaces the PTRACE_O_* of a tracee that is stopped.</summary>
    public static long SetOptions(int tid, long options) => Call(SetOptionsRequest, tid, 0, options);

    public static long Detach(int tid, int signal) => Call(DetachRequest, tid, 0, signal);

    public static long GetRegisters(int tid, out X64Registers registers)
    {
        fixed (X64Registers* p = &registers) return Call(GetRegsRequest, tid, 0, (long)p);
    }

    public static long SetRegisters(int tid, in X64Registers registers)
    {
        fixed (X64Registers* p = &registers) return Call(SetRegsRequest, tid, 0, (long)p);
    }

    /// <summary>Reads a register set into <paramref name="buffer"/>; returns its size in bytes, or -errno.</summary>
    public static long GetRegisterSet(int tid, int set, Span<byte> buffer) => RegisterSet(GetRegSetRequest, tid, set, buffer);

    /// <summary>Writes a register set.</summary>
    public static long SetRegisterSet(int tid, int set, Span<byte> buffer)
    {
        long result = RegisterSet(SetRegSetRequest, tid, set, buffer);
        return result < 0 ? result : 0;
    }

    public static long GetSignalMask(int tid, out ulong mask)
    {
        fixed (ulong* p = &mask) return Call(GetSigMaskRequest, tid, sizeof(ulong), (long)p);
    }

    public static long SetSignalMask(int tid, ulong mask) => Call(SetSigMaskRequest, tid, sizeof(ulong), (long)&mask);

    public static long GetEventMessage(int tid, out ulong message)
    {
        fixed (ulong* p = &message) return Call(GetEventMessageRequest, tid, 0, (long)p);
    }

    /// <summary>Reads memory of a tracee that is stopped, as it has it now.</summary>
    public static long Peek(int tid, ulong address, Span<ulong> words)
    {
        fixed (ulong* p = words)
        {
            for (int i = 0; i < words.Length; i++)
            {
                long result = Call(PeekDataRequest, tid, (long)(address + (ulong)i * sizeof(ulong)), (long)(p + i));
                if (result != 0) return result;
            }
        }
        return 0;
    }

    /// <summary>What a tracee that has stopped in a syscall is about to do there, or has done.</summary>
    public static long GetSyscallStop(int tid, out SyscallStop stop)
    {
        stop = default;
        fixed (SyscallStop* p = &stop)
        {
            long result = Call(SyscallInfo, tid, sizeof(SyscallStop), (long)p);
            return result < 0 ? result : 0;
        }
    }

    /// <summary>
    /// Whether a stopped tracee has a seccomp filter; null when this user may not know (CAP_SYS_ADMIN). Not strict mode, whose
    /// calls are never restarted.
    /// </summary>
    public static bool? HasFilter(int tid) => Call(SeccompGetFilter, tid, 0, 0) switch
    {
        > 0 or -Errno.EMEDIUMTYPE => true,
        -Errno.EACCES => null,
        _ => false,
    };

    /// <summary>
    /// Whether a stopped tracee has its syscalls sent back to itself (prctl(2), PR_SET_SYSCALL_USER_DISPATCH). False where the
    /// kernel does not tell (before Linux 6.4).
    /// </summary>
    public static bool HasUserDispatch(int tid)
    {
        // struct ptrace_sud_config: mode, selector, offset, len.
        ulong* config = stackalloc ulong[4] { 0, 0, 0, 0 };
        return Call(UserDispatchConfiguration, tid, 4 * sizeof(ulong), (long)config) == 0 && config[0] != 0;
    }

    /// <summary>
    /// Where a stopped tracee has its struct rseq, 0 when it has none, and the signature of its abort handlers; -errno where
    /// the kernel does not tell (before Linux 5.13).
    /// </summary>
    public static long GetRseq(int tid, out ulong area, out uint signature)
    {
        // struct ptrace_rseq_configuration: address (8), size, signature, flags, pad (4 each).
        ulong* config = stackalloc ulong[3] { 0, 0, 0 };
        long result = Call(RseqConfiguration, tid, 3 * sizeof(ulong), (long)config);
        (area, signature) = (config[0], (uint)(config[1] >> 32));
        return result < 0 ? result : 0;
    }

    /// <summary>
    /// The stop that a tracee is in, from its siginfo; false when it is not stopped. Tells what wait4(2) would have told,
    /// also when somebody else in this process has waited for it.
    /// </summary>
    public static bool TryGetStop(int tid, out WaitStatus stop)
    {
        // siginfo_t: si_signo, si_errno, si_code; for events si_code is the signal with the event above it.
        int* info = stackalloc int[32];
        stop = default;
        if (Call(GetSigInfoRequest, tid, 0, (long)info) != 0) return false;
        int code = info[2];
        bool isEvent = (code & 0xff) == info[0] && code >> 8 is > 0 and <= 0xff;
        stop = code == WaitStatus.SyscallSignal ? WaitStatus.Stopped(code, 0)
            : WaitStatus.Stopped(info[0], isEvent ? code >> 8 : 0);
        return true;
    }

    /// <summary>Whether the signal that a tracee has stopped for is of the kernel's own making, and about what it did.</summary>
    public static bool IsSignalForced(int tid)
    {
        int* info = stackalloc int[32];
        return Call(GetSigInfoRequest, tid, 0, (long)info) == 0 && info[2] > 0;
    }

    private static long RegisterSet(int request, int tid, int set, Span<byte> buffer)
    {
        fixed (byte* p = buffer)
        {
            nint* iovec = stackalloc nint[2];
            iovec[0] = (nint)p;
            iovec[1] = buffer.Length;
            long result = Call(request, tid, set, (long)iovec);
            return result < 0 ? result : iovec[1];
        }
    }

    private static long Call(int request, int tid, long address, long data) =>
        Syscall.Call(Syscall.Ptrace, request, tid, address, data);
}
