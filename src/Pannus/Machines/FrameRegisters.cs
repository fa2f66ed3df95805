using System.Runtime.CompilerServices;
using Pannus.Linux;

namespace Pannus.Machines;

/// <summary>
/// The registers of a frame, by the DWARF numbers of its machine, as far as they are known. A rule that needs one that is
/// not known means that unwinding ends there.
/// </summary>
internal struct FrameRegisters
{
    private Values _values;

    /// <summary>Bits of the registers that are known.</summary>
    internal uint Known;

    /// <summary>Registers of a machine, none of them known yet.</summary>
    internal FrameRegisters(UnwindMachine machine) => WordSize = machine.WordSize;

    /// <summary>Bytes of a register: it tells which machine's they are. 0 when nothing is known.</summary>
    internal int WordSize { get; }

    /// <summary>Whether a register is known.</summary>
    public readonly bool Has(int number) => (Known >> number & 1) != 0;

    /// <summary>A register's value; meaningless when it is not known.</summary>
    public readonly ulong this[int number] => _values[number];

    /// <summary>Sets a register, which is known from then on.</summary>
    public void Set(int number, ulong value)
    {
        _values[number] = value;
        Known |= 1u << number;
    }

    /// <summary>
    /// Registers as ptrace gives them, also those of a thread that runs 32-bit code, which come in the form of the tracer.
    /// </summary>
    internal static FrameRegisters From(in X64Registers r)
    {
        if (r.Cs == X64Registers.User32Cs)
        {
            FrameRegisters i386 = new(UnwindMachine.I386);
            i386.SetAll([r.Rax, r.Rcx, r.Rdx, r.Rbx, r.Rsp, r.Rbp, r.Rsi, r.Rdi, r.ProgramCounter]);
            return i386;
        }
        FrameRegisters x64 = new(UnwindMachine.X64);
        x64.SetAll([r.Rax, r.Rdx, r.Rcx, r.Rbx, r.Rsi, r.Rdi, r.Rbp, r.Rsp, r.R8, r.R9, r.R10, r.R11, r.R12, r.R13, r.R14, r.R15,
            r.ProgramCounter]);
        return x64;
    }

    /// <summary>The two that /proc/PID/syscall tells of a thread that sleeps in a call.</summary>
    internal static FrameRegisters From(ulong programCounter, ulong stackPointer, UnwindMachine machine)
    {
        FrameRegisters registers = new(machine);
        registers.Set(machine.ProgramCounter, programCounter);
        registers.Set(machine.StackPointer, stackPointer);
        return registers;
    }

    private void SetAll(ReadOnlySpan<ulong> values)
    {
        for (int i = 0; i < values.Length; i++) Set(i, WordSize == 4 ? (uint)values[i] : values[i]);
    }

    [InlineArray(UnwindMachine.MostRegisters)]
    private struct Values
    {
        private ulong _first;
    }
}
