using Pannus.Elf;
using Pannus.Machines;

namespace Pannus.Unwinding;

/// <summary>
/// The stack machine of DWARF expressions (DWARF 5, 2.5), as far as call frame information may use it (6.4.2): no calls, no
/// locations, no types. Work is bounded whatever the bytes say.
/// </summary>
internal sealed class FrameExpression(UnwindMachine machine)
{
    private const int Depth = 64, MostSteps = 1000;

    private readonly ulong[] _stack = new ulong[Depth];
    private int _top;
    private bool _isBroken;

    /// <summary>
    /// Evaluates an expression, with <paramref name="first"/> on the stack when there is one. False when it is not
    /// understood or needs a register or memory that is not there.
    /// </summary>
    public bool TryEvaluate(ReadOnlySpan<byte> section, int start, int length, in FrameRegisters registers, StackWindow memory,
        ulong? first, out ulong value)
    {
        value = 0;
        (_top, _isBroken) = (0, false);
        if (first is { } initial) Push(initial);
        var code = new ByteCursor(section, start, start + length);
        for (int step = 0; !code.IsAtEnd; step++)
        {
            if (step == MostSteps || !Step(ref code, start, start + length, section, registers, memory) || _isBroken) return false;
        }
        if (code.IsBroken || _top == 0) return false;
        value = _stack[_top - 1];
        return true;
    }

    private bool Step(ref ByteCursor code, int start, int end, ReadOnlySpan<byte> section, in FrameRegisters registers, StackWindow memory)
    {
        byte operation = code.Byte();
        switch (operation)
        {
            case 0x03: Push(code.Address(machine.WordSize)); break; // addr: right only where nothing is relocated
            case 0x06: return Dereference(memory, machine.WordSize);
            case 0x94:
                byte size = code.Byte();
                return size is 1 or 2 or 4 or 8 && size <= machine.WordSize && Dereference(memory, size);
            case 0x08: Push(code.Byte()); break;
            case 0x09: Push((ulong)(sbyte)code.Byte()); break;
            case 0x0a: Push(code.Half()); break;
            case 0x0b: Push((ulong)(short)code.Half()); break;
            case 0x0c: Push(code.Word()); break;
            case 0x0d: Push((ulong)(int)code.Word()); break;
            case 0x0e or 0x0f: Push(code.Xword()); break;
            case 0x10: Push(code.Unsigned()); break;
            case 0x11: Push((ulong)code.Signed()); break;
            case 0x12: Push(Peek(0)); break;
            case 0x13: _ = Pop(); break;
            case 0x14: Push(Peek(1)); break;
            case 0x15: Push(Peek(code.Byte())); break;
            case 0x16: Rotate(2); break;
            case 0x17: Rotate(3); break;
            case 0x23: Push(Pop() + code.Unsigned()); break;
            case 0x28 or 0x2f: // bra, skip
                int distance = (short)code.Half();
                if (operation == 0x2f || Pop() != 0)
                {
                    int to = code.Position + distance;
                    if (code.IsBroken || to < start || to > end) return false;
                    code = new ByteCursor(section, to, end);
                }
                break;
            case >= 0x30 and <= 0x4f: Push((ulong)(operation - 0x30)); break;
            case >= 0x70 and <= 0x8f: return Based(registers, operation - 0x70, code.Signed());
            case 0x92: return Based(registers, code.Small(), code.Signed());
            case 0x96: break; // nop
            default: return operation is >= 0x19 and <= 0x2e && Compute(operation);
        }
        return true;
    }

    private bool Compute(byte operation)
    {
        if (operation is 0x19 or 0x1f or 0x20)
        {
            long single = Extend(Pop());
            Push((ulong)(operation switch { 0x19 => single < 0 ? -single : single, 0x1f => -single, _ => ~single }));
            return true;
        }
        ulong right = Pop(), left = Pop();
        long signedRight = Extend(right), signedLeft = Extend(left);
        int bits = machine.WordSize * 8;
        switch (operation)
        {
            case 0x1a: Push(left & right); break;
            case 0x1b:
                if (signedRight == 0) return false;
                Push(signedRight == -1 ? (ulong)-signedLeft : (ulong)(signedLeft / signedRight));
                break;
            case 0x1c: Push(left - right); break;
            case 0x1d:
                if (right == 0) return false;
                Push(left % right);
                break;
            case 0x1e: Push(left * right); break;
            case 0x21: Push(left | right); break;
            case 0x22: Push(left + right); break;
            case 0x24: Push(right >= (ulong)bits ? 0 : left << (int)right); break;
            case 0x25: Push(right >= (ulong)bits ? 0 : left >> (int)right); break;
            case 0x26: Push((ulong)(signedLeft >> (int)Math.Min(right, (ulong)bits - 1))); break;
            case 0x27: Push(left ^ right); break;
            case 0x29: Push(left == right ? 1u : 0); break;
            case 0x2a: Push(signedLeft >= signedRight ? 1u : 0); break;
            case 0x2b: Push(signedLeft > signedRight ? 1u : 0); break;
            case 0x2c: Push(signedLeft <= signedRight ? 1u : 0); break;
            case 0x2d: Push(signedLeft < signedRight ? 1u : 0); break;
            case 0x2e: Push(left != right ? 1u : 0); break;
            default: return false;
        }
        return true;
    }

    private bool Dereference(StackWindow memory, int size)
    {
        if (!memory.TryRead(Pop(), size, out ulong value)) return false;
        Push(value);
        return true;
    }

    private bool Based(in FrameRegisters registers, int register, long offset)
    {
        if ((uint)register >= (uint)machine.Registers || !registers.Has(register)) return false;
        Push(registers[register] + (ulong)offset);
        return true;
    }

    private long Extend(ulong value) => machine.WordSize == 4 ? (int)value : (long)value;

    private void Push(ulong value)
    {
        if (_top == Depth) _isBroken = true;
        else _stack[_top++] = machine.Word.Wrap(value);
    }

    private ulong Pop()
    {
        if (_top > 0) return _stack[--_top];
        _isBroken = true;
        return 0;
    }

    private ulong Peek(int below)
    {
        if (below < _top) return _stack[_top - 1 - below];
        _isBroken = true;
        return 0;
    }

    // The top goes below the others: swap, and rot.
    private void Rotate(int count)
    {
        if (_top < count)
        {
            _isBroken = true;
            return;
        }
        ulong top = _stack[_top - 1];
        for (int i = 1; i < count; i++) _stack[_top - i] = _stack[_top - i - 1];
        _stack[_top - count] = top;
    }
}
