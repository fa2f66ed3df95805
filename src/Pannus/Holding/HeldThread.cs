namespace Pannus.Holding;

/// <summary>A thread of a held process, as the activeness check sees it.</summary>
/// <param name="Id">Thread id.</param>
/// <param name="ProgramCounter">
/// Where it will go on. For a thread in a syscall that the kernel will restart this is the syscall instruction itself,
/// not the one after it, which the register shows.
/// </param>
/// <param name="StackPointer">Stack pointer.</param>
/// <param name="InSyscall">Whether it was inside the kernel when it was stopped.</param>
internal readonly record struct HeldThread(int Id, ulong ProgramCounter, ulong StackPointer, bool InSyscall)
{
    private const ulong SyscallLength = 2; // syscall, sysenter and int 0x80 alike

    /// <summary>
    /// Whether it was left asleep in the call rather than stopped. Then it may go on at <see cref="ProgramCounter"/>, behind the
    /// syscall instruction, or at that instruction, when a signal wakes it and the call is restarted.
    /// </summary>
    public bool IsLeftAsleep { get; init; }

    /// <summary>Where it may go on as well: the syscall instruction of a thread that was left asleep, else <see cref="ProgramCounter"/>.</summary>
    public ulong OtherProgramCounter => IsLeftAsleep ? ProgramCounter - SyscallLength : ProgramCounter;

    /// <summary>Address of its control block, which a thread library keeps at the end of its stack; 0 when it is not known.</summary>
    public ulong ThreadPointer { get; init; }

    /// <summary>Whether only its program counter and stack pointer are known.</summary>
    public bool IsVague { get; init; }

    /// <summary>Whether it has come before, in the early look (<see cref="HeldProcess.HasRunSince"/>).</summary>
    public bool WasSeenEarly { get; init; }
}
