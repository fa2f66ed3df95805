using System.Runtime.InteropServices;

namespace Pannus.Linux;

/// <summary><c>struct ptrace_syscall_info</c> (ptrace(2)), as far as it is needed.</summary>
[StructLayout(LayoutKind.Explicit, Size = 88)]
internal struct SyscallStop
{
    private const byte Entry = 1, Exit = 2;

    [FieldOffset(0)]
    private readonly byte _operation;

    /// <summary>AUDIT_ARCH_* of the syscall: which table <see cref="Number"/> belongs to.</summary>
    [FieldOffset(4)]
    public readonly uint Architecture;

    /// <summary>Program counter, after the syscall instruction.</summary>
    [FieldOffset(8)]
    public readonly ulong ProgramCounter;

    /// <summary>Stack pointer.</summary>
    [FieldOffset(16)]
    public readonly ulong StackPointer;

    /// <summary>Number of the syscall, at its entry.</summary>
    [FieldOffset(24)]
    public readonly long Number;

    /// <summary>Result of the syscall, at its exit; -errno when it has failed.</summary>
    [FieldOffset(24)]
    public readonly long Result;

    /// <summary>Whether the thread is about to be in the kernel.</summary>
    public readonly bool IsEntry => _operation == Entry;

    /// <summary>Whether the thread is about to leave it.</summary>
    public readonly bool IsExit => _operation == Exit;
}
