using System.Runtime.CompilerServices;
using Pannus.Machines;

namespace Pannus.Unwinding;

/// <summary>Where the caller's value of a register is (DWARF 5, 6.4.1).</summary>
internal enum RuleKind : byte
{
    /// <summary>No rule: kept by registers that a call preserves, lost in others.</summary>
    None,
    Undefined,
    SameValue,
    /// <summary>In memory at CFA + value.</summary>
    Offset,
    /// <summary>It is CFA + value.</summary>
    ValueOffset,
    /// <summary>In another register.</summary>
    Register,
    /// <summary>In memory where an expression says.</summary>
    Expression,
    /// <summary>It is what an expression says.</summary>
    ValueExpression,
}

/// <summary>A rule. An expression is named by its place in the section.</summary>
internal readonly record struct RegisterRule(RuleKind Kind, int Value = 0, int Length = 0);

/// <summary>A row of the table that call frame information describes: how to leave a function from one address in it.</summary>
internal struct FrameRow
{
    private Rules _rules;

    /// <summary>The canonical frame address: Register is register + offset, Expression an expression; None is unusable.</summary>
    public RegisterRule Cfa;

    /// <summary>Register that <see cref="Cfa"/> starts from.</summary>
    public int CfaRegister;

    /// <summary>Bits of the registers that have rules.</summary>
    public uint Ruled;

    /// <summary>Register whose rule gives the return address.</summary>
    public int ReturnColumn;

    /// <summary>The frame of a signal handler's caller (augmentation S): what it leads to was interrupted, it has not called.</summary>
    public bool IsSignalFrame;

    public readonly RegisterRule this[int register] => (Ruled >> register & 1) != 0 ? _rules[register] : default;

    public void Set(int register, RegisterRule rule)
    {
        _rules[register] = rule;
        Ruled |= 1u << register;
    }

    public void Clear(int register) => Ruled &= ~(1u << register);

    [InlineArray(UnwindMachine.MostRegisters)]
    private struct Rules
    {
        private RegisterRule _first;
    }
}
