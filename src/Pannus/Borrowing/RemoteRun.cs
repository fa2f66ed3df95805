using Pannus.Core;
using Pannus.Linux;
using Pannus.Machines;

namespace Pannus.Borrowing;

/// <summary>
/// Takes a borrowed thread through the steps of a program. Allocates nothing.
/// </summary>
/// <remarks>
/// Nothing in the target's memory says what the thread does. It runs to the gate (<see cref="RemoteAbi.Stub"/>) and stops at
/// the entry of a syscall, of which the kernel tells number, table and place. Only if that is the one which takes it home, at
/// the gate, does it get the registers of the step, from which the kernel then takes number and arguments; it stops again when
/// the call is done. A seccomp filter is off from the one stop to the other. Whatever else the thread was made to call by who
/// has changed the stub it calls under its filter, and the program ends.
/// </remarks>
internal sealed class RemoteRun(RemoteProgram program, RemoteStack stack, ulong stub)
{
    private const int Arguments = 6, Closed = -1;
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(2);

    private readonly RemoteAbi _abi = program.Abi;
    private readonly ulong[] _arguments = new ulong[Arguments];
    private X64Registers _entered;
    private int _descriptor;
    private bool _isAtGate;

    /// <summary>Result of each step, -errno as ever; -ECANCELED of those that were left out.</summary>
    public long[] Results { get; } = new long[program.Steps.Count];

    /// <summary>
    /// Runs all steps up to one that fails. False when the thread did not do what it was led to do; then it may run, and goes home
    /// by itself. Else it is where its registers can be given back to it.
    /// </summary>
    public bool TryRun(BorrowedThread thread, IMemory memory)
    {
        _entered = _abi.Enter(thread.Registers, stub, stack.FrameAt);
        (_descriptor, _isAtGate) = (Closed, false);
        Array.Fill(Results, -Errno.ECANCELED);
        return thread.Enter(_entered, !program.CallsFunctions) && TryRunSteps(thread, memory)
            && thread.TryLeaveStub(_entered, _isAtGate, s_timeout);
    }

    /// <summary>After a failure: brings the thread to where it can be given back, if that can be.</summary>
    public bool TryGiveUp(BorrowedThread thread) => thread.TryLeaveStub(_entered, _isAtGate, s_timeout);

    private bool TryRunSteps(BorrowedThread thread, IMemory memory)
    {
        bool hasFailed = false;
        for (int i = 0; i < Results.Length; i++)
        {
            RemoteStep step = program.Steps[i];
            bool needsDescriptor = step.Has(RemoteStepFlags.FirstIsDescriptor | RemoteStepFlags.FifthIsDescriptor);
            if ((hasFailed && !step.Has(RemoteStepFlags.Closes)) || (needsDescriptor && _descriptor < 0)) continue;
            if (!_isAtGate && !TryReachGate(thread)) return false;
            bool isDone = step.Has(RemoteStepFlags.CallsFunction)
                ? TryFunction(thread, memory, step, out Results[i]) : TryCall(thread, step, out Results[i]);
            if (!isDone) return false;
            if (step.Has(RemoteStepFlags.CallsFunction)) continue;
            hasFailed |= Results[i] is < 0 and > -4096;
            if (step.Has(RemoteStepFlags.KeepsDescriptor)) _descriptor = (int)Results[i];
            if (step.Has(RemoteStepFlags.Closes)) _descriptor = Closed;
        }
        return true;
    }

    /// <summary>Runs every path once, for a thread id that cannot exist and memory of this process.</summary>
    public void Rehearse(BorrowedThread thread, IMemory memory)
    {
        _ = TryRun(thread, memory) | TryReachGate(thread) | TryGiveUp(thread);
        foreach (RemoteStep step in program.Steps)
            _ = step.Has(RemoteStepFlags.CallsFunction) ? TryFunction(thread, memory, step, out _) : TryCall(thread, step, out _);
    }

    // Whether it stops in the gate, about to do what takes it home; a function that runs first may make calls of its own.
    private bool TryReachGate(BorrowedThread thread, bool mayCall = false)
    {
        while (thread.RunToCall(s_timeout, out SyscallStop call))
        {
            _isAtGate = call.IsEntry && call.ProgramCounter == stub + (ulong)_abi.GateOffset && call.StackPointer == stack.FrameAt
                && call.Architecture == _abi.AuditArchitecture && call.Number == WayHome(thread);
            if (_isAtGate) return true;
            if (!mayCall) return false;
        }
        return false;
    }

    private long WayHome(BorrowedThread thread) => _descriptor >= 0 && !thread.IsFiltered ? _abi.Close : _abi.RtSigreturn;

    private bool TryCall(BorrowedThread thread, RemoteStep step, out long result)
    {
        result = -Errno.ECANCELED;
        _arguments[0] = step.Has(RemoteStepFlags.FirstIsDescriptor) ? (ulong)_descriptor
            : step.Has(RemoteStepFlags.FirstIsText) ? stack.TextAddress : step.A;
        (_arguments[1], _arguments[2], _arguments[3]) = (step.B, step.C, step.D);
        (_arguments[4], _arguments[5]) = (step.Has(RemoteStepFlags.FifthIsDescriptor) ? (ulong)_descriptor : step.E, step.F);
        // A filter may not let it close anything by itself.
        bool closesByItself = !thread.IsFiltered && !step.Has(RemoteStepFlags.Closes);
        X64Registers registers = _abi.Call(_entered, stub, step.Number, _arguments, closesByItself ? _descriptor : Closed,
            closesByItself && step.Has(RemoteStepFlags.KeepsDescriptor));
        if (!thread.SetFilter(isOff: true) || !thread.SetRegisters(registers)) return false;
        _isAtGate = false;
        if (!thread.RunToCall(s_timeout, out SyscallStop call) || !call.IsExit || !thread.SetFilter(isOff: false)) return false;
        result = call.Result;
        return true;
    }

    private bool TryFunction(BorrowedThread thread, IMemory memory, RemoteStep step, out long result)
    {
        result = -Errno.ECANCELED;
        X64Registers registers = _abi.Function(_entered, step.A, stack.CallAt) with { OrigRax = ulong.MaxValue };
        if (memory.Write(stack.CallAt, stack.ReturnAddress) != _abi.Word.Size
            || !thread.SetFilter(isOff: true) || !thread.SetRegisters(registers)) return false;
        _isAtGate = false;
        // The call that it was about to make is left out; the function runs under the filter.
        if (!thread.RunToCall(s_timeout, out SyscallStop call) || !call.IsExit || !thread.SetFilter(isOff: false)
            || !TryReachGate(thread, mayCall: true) || Ptrace.GetRegisters(thread.Id, out registers) != 0) return false;
        result = (long)_abi.FunctionResult(registers);
        return true;
    }
}
