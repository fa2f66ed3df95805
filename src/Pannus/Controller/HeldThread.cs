namespace Pannus.Controller;

/// <summary>A thread of a held process, as the activeness check sees it.</summary>
/// <param name="Id">Thread id.</param>
/// <param name="ProgramCounter">
/// Where it will go on. For a thread in a syscall that the kernel will restart this is the syscall instruction itself,
/// not the one after it, which the register shows.
/// </param>
/// <param name="StackPointer">Stack pointer.</param>
/// <param name="InSyscall">Whether it was inside the kernel when it was stopped.</param>
public readonly record struct HeldThread(int Id, ulong ProgramCounter, ulong StackPointer, bool InSyscall);
