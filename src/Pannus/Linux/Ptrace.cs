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
        GetEventMessageRequest = 0x4201, GetSigInfoRequest = 0x4202;

    /// <summary>PTRACE_O_TRACECLONE: threads made by a tracee are tracees from birth.</summary>
    public const long OptionTraceClone = 1 << 3;

    /// <summary>PTRACE_O_SUSPEND_SECCOMP: needs CAP_SYS_ADMIN.</summary>
    public const long OptionSuspendSeccomp = 1 << 21;

    /// <summary>PTRACE_EVENT_CLONE: the tracee has made a thread, whose id is the event message.</summary>
    public const int EventClone = 3;

    /// <summary>NT_X86_XSTATE: the XSAVE area.</summary>
    public const int XStateSet = 0x202;

    public static long Seize(int tid, long options) => Call(SeizeRequest, tid, 0, options);

    public static long Interrupt(int tid) => Call(InterruptRequest, tid, 0, 0);

    public static long Continue(int tid, int signal) => Call(ContRequest, tid, 0, signal);

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
        stop = WaitStatus.Stopped(info[0], isEvent ? code >> 8 : 0);
        return true;
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
