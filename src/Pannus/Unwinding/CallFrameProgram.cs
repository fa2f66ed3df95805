using Pannus.Elf;
using Pannus.Machines;

namespace Pannus.Unwinding;

/// <summary>Runs the instructions of a frame description entry up to an address (DWARF 5, 6.4.2).</summary>
internal sealed class CallFrameProgram(UnwindMachine machine)
{
    // Functions of tens of thousands of lines have some thousand; what has more is no real table.
    private const int MostInstructions = 1 << 16, MostStates = 16;

    private readonly FrameRow[] _states = new FrameRow[MostStates];
    private int _saved;

    /// <summary>Finds the row for an address. False for what is not understood.</summary>
    public bool TryRun(ReadOnlySpan<byte> section, ulong sectionAddress, in FrameEntry entry, ulong address, ref FrameRow row)
    {
        row = default;
        row.ReturnColumn = entry.ReturnColumn;
        row.IsSignalFrame = entry.IsSignalFrame;
        if ((uint)entry.ReturnColumn >= (uint)machine.Registers) return false;
        _saved = 0;
        FrameRow none = default;
        if (!Run(section, sectionAddress, entry, entry.InitialStart, entry.InitialEnd, ulong.MaxValue, none, ref row)) return false;
        FrameRow initial = row;
        return Run(section, sectionAddress, entry, entry.ProgramStart, entry.ProgramEnd, address, initial, ref row)
            && row.Cfa.Kind != RuleKind.None;
    }

    private bool Run(ReadOnlySpan<byte> section, ulong sectionAddress, in FrameEntry entry, int start, int end, ulong address,
        in FrameRow initial, ref FrameRow row)
    {
        var code = new ByteCursor(section, start, end);
        ulong location = entry.Start;
        for (int count = 0; !code.IsAtEnd; count++)
        {
            if (count == MostInstructions) return false;
            byte instruction = code.Byte();
            int low = instruction & 0x3f;
            switch (instruction & 0xc0)
            {
                case 0x40: location += (ulong)low * entry.CodeFactor; break;
                case 0x80: Set(ref row, low, Factored(ref code, entry, RuleKind.Offset, isSigned: false)); break;
                case 0xc0: Restore(ref row, low, initial); break;
                default:
                    if (!Execute((byte)low, ref code, sectionAddress, entry, initial, ref location, ref row)) return false;
                    break;
            }
            if (location > address) return !code.IsBroken;
        }
        return !code.IsBroken;
    }

    private bool Execute(byte instruction, ref ByteCursor code, ulong sectionAddress, in FrameEntry entry, in FrameRow initial,
        ref ulong location, ref FrameRow row)
    {
        switch (instruction)
        {
            case 0x00: break; // nop
            case 0x01: // set_loc
                location = EncodedPointer.Read(ref code, entry.Encoding, sectionAddress + (ulong)code.Position, 0, machine.WordSize);
                break;
            case 0x02: location += code.Byte() * entry.CodeFactor; break;
            case 0x03: location += code.Half() * entry.CodeFactor; break;
            case 0x04: location += code.Word() * entry.CodeFactor; break;
            case 0x05: Set(ref row, code.Small(), Factored(ref code, entry, RuleKind.Offset, isSigned: false)); break;
            case 0x06: Restore(ref row, code.Small(), initial); break;
            case 0x07: Set(ref row, code.Small(), new RegisterRule(RuleKind.Undefined)); break;
            case 0x08: Set(ref row, code.Small(), new RegisterRule(RuleKind.SameValue)); break;
            case 0x09: Set(ref row, code.Small(), new RegisterRule(RuleKind.Register, code.Small())); break;
            case 0x0a: // remember_state
                if (_saved == MostStates) return false;
                _states[_saved++] = row;
                break;
            case 0x0b: // restore_state
                if (_saved == 0) return false;
                row = _states[--_saved];
                break;
            case 0x0c: SetCfa(ref row, code.Small(), code.Small()); break;
            case 0x0d: return SetCfaPart(ref row, ref code, code.Small(), row.Cfa.Value);
            case 0x0e: return SetCfaPart(ref row, ref code, row.CfaRegister, code.Small());
            case 0x0f: row.Cfa = Block(ref code, RuleKind.Expression); break;
            case 0x10: Set(ref row, code.Small(), Block(ref code, RuleKind.Expression)); break;
            case 0x11: Set(ref row, code.Small(), Factored(ref code, entry, RuleKind.Offset, isSigned: true)); break;
            case 0x12: SetCfa(ref row, code.Small(), Factored(ref code, entry, RuleKind.Register, isSigned: true).Value); break;
            case 0x13: return SetCfaPart(ref row, ref code, row.CfaRegister, Factored(ref code, entry, RuleKind.Register, isSigned: true).Value);
            case 0x14: Set(ref row, code.Small(), Factored(ref code, entry, RuleKind.ValueOffset, isSigned: false)); break;
            case 0x15: Set(ref row, code.Small(), Factored(ref code, entry, RuleKind.ValueOffset, isSigned: true)); break;
            case 0x16: Set(ref row, code.Small(), Block(ref code, RuleKind.ValueExpression)); break;
            case 0x2e: _ = code.Unsigned(); break; // GNU_args_size
            case 0x2f: // GNU_negative_offset_extended
                int register = code.Small();
                RegisterRule rule = Factored(ref code, entry, RuleKind.Offset, isSigned: false);
                Set(ref row, register, rule with { Value = -rule.Value });
                break;
            default: return false;
        }
        return true;
    }

    private void Set(ref FrameRow row, int register, RegisterRule rule)
    {
        if ((uint)register < (uint)machine.Registers) row.Set(register, rule);
    }

    private void Restore(ref FrameRow row, int register, in FrameRow initial)
    {
        if ((uint)register >= (uint)machine.Registers) return;
        if ((initial.Ruled >> register & 1) != 0) row.Set(register, initial[register]);
        else row.Clear(register);
    }

    private void SetCfa(ref FrameRow row, int register, int offset)
    {
        // A register that is not followed leaves no way on.
        row.Cfa = new RegisterRule(register < machine.Registers ? RuleKind.Register : RuleKind.None, offset);
        row.CfaRegister = register;
    }

    // Only valid where the CFA is a register and an offset (DWARF 5, 6.4.2.2).
    private bool SetCfaPart(ref FrameRow row, ref ByteCursor code, int register, int offset)
    {
        if (row.Cfa.Kind != RuleKind.Register) return false;
        SetCfa(ref row, register, offset);
        return !code.IsBroken;
    }

    private static RegisterRule Factored(ref ByteCursor code, in FrameEntry entry, RuleKind kind, bool isSigned)
    {
        long factor = isSigned ? code.Signed() : code.Small();
        long value = factor is >= int.MinValue and <= int.MaxValue && entry.DataFactor is >= int.MinValue and <= int.MaxValue
            ? factor * entry.DataFactor : long.MaxValue;
        if (value is < int.MinValue + 1 or > int.MaxValue) code.Break();
        return new RegisterRule(kind, (int)value);
    }

    private static RegisterRule Block(ref ByteCursor code, RuleKind kind)
    {
        int length = code.Small();
        return new RegisterRule(kind, code.Skip(length), length);
    }
}
