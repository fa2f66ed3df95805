using System.Runtime.InteropServices;

namespace Pannus.Linux;

/// <summary><c>struct user_regs_struct</c> of x86-64 (sys/user.h), as PTRACE_GETREGS fills it.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct X64Registers
{
    public ulong R15, R14, R13, R12, Rbp, Rbx, R11, R10, R9, R8, Rax, Rcx, Rdx, Rsi, Rdi, OrigRax, Rip, Cs, Eflags,
        Rsp, Ss, FsBase, GsBase, Ds, Es, Fs, Gs;

    /// <summary>Code segment of 32-bit user code (USER32_CS, asm/segment.h).</summary>
    public const ulong User32Cs = 0x23;

    /// <summary>TF and DF, which code that is put into a thread must find clear.</summary>
    public const ulong TrapAndDirectionFlags = 0x100 | 0x400;

    /// <summary>Whether the thread was inside a syscall when it stopped.</summary>
    public readonly bool InSyscall => (long)OrigRax >= 0;

    /// <summary>
    /// Whether the kernel will go back and execute the syscall instruction again when the thread is let go. The
    /// program counter that counts is then that instruction's, two bytes before <see cref="Rip"/>.
    /// </summary>
    public readonly bool WillRestart => InSyscall && -(long)Rax
        is Errno.ERESTARTSYS or Errno.ERESTARTNOINTR or Errno.ERESTARTNOHAND or Errno.ERESTART_RESTARTBLOCK;

    /// <summary>Where the thread goes on: the syscall instruction, when that is executed again.</summary>
    public readonly ulong ProgramCounter => WillRestart ? Rip - 2 : Rip;
}
