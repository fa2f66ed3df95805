using Iced.Intel;
using Pannus.Core;
using Pannus.Machines;

namespace Pannus.Planning;

/// <summary>
/// What is overwritten at the entry of a function. The rules: an <c>endbr64</c> (<c>endbr32</c>) stays; the bytes are the function's own, or
/// padding behind it that belongs to nobody; and nothing branches into them past the first.
/// </summary>
internal sealed record FunctionEntry
{
    /// <summary>Bytes of <c>jmp rel32</c>.</summary>
    public const int JumpLength = X86Jump.NearLength;

    /// <summary>Bytes of <c>jmp rel8</c>.</summary>
    public const int ShortJumpLength = X86Jump.ShortLength;

    /// <summary>The function's own code.</summary>
    public required FunctionCode Code { get; init; }

    /// <summary>
    /// Where the jump of five bytes lies when the entry has room for one of two bytes only: in padding within its reach.
    /// </summary>
    public ulong? PaddingJump { get; init; }

    /// <summary>First byte overwritten.</summary>
    public ulong Address => Code.Place;

    /// <summary>Bytes overwritten at the entry.</summary>
    public int Length => PaddingJump is null ? JumpLength : ShortJumpLength;

    /// <summary>Where the jump of five bytes goes.</summary>
    public ulong JumpAddress => PaddingJump ?? Address;

    /// <summary>The instructions that are overwritten, in whole or in part.</summary>
    public IEnumerable<Instruction> Overwritten => Code.Decode(Address).TakeWhile(i => i.IP < Address + (ulong)Length);

    /// <summary>
    /// Where no program counter may be. The first byte is left out: a thread that is about to execute it finds the jump. A
    /// system call may be executed again, and so may what a thread behind it has executed last.
    /// </summary>
    public AddressRange Guarded
    {
        get
        {
            ulong end = Address + (ulong)Length;
            foreach (Instruction i in Overwritten)
                if (i.Mnemonic is Mnemonic.Syscall or Mnemonic.Sysenter or Mnemonic.Int) end = Math.Max(end, i.NextIP + 1);
            return new AddressRange(Address + 1, end - Address - 1);
        }
    }
}
