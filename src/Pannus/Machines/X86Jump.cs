using System.Buffers.Binary;

namespace Pannus.Machines;

/// <summary>The direct jumps of x86-64 and IA-32 (Intel SDM, volume 2, "JMP"), which are the same bytes on both.</summary>
internal static class X86Jump
{
    /// <summary>First byte of <c>jmp rel32</c>, <c>jmp rel8</c> and <c>call rel32</c>.</summary>
    public const byte Near = 0xe9, Short = 0xeb, Call = 0xe8;

    /// <summary>Bytes of <c>jmp rel32</c> and of <c>jmp rel8</c>.</summary>
    public const int NearLength = 5, ShortLength = 2;

    /// <summary>Whether a byte begins one of the two jumps.</summary>
    public static bool IsJump(byte opcode) => opcode is Near or Short;

    /// <summary>Whether a byte begins a jump or a call with a displacement of 32 bits.</summary>
    public static bool IsNearBranch(byte opcode) => opcode is Near or Call;

    /// <summary><c>jmp rel32</c>.</summary>
    public static byte[] ToNear(int displacement)
    {
        byte[] jump = new byte[NearLength];
        jump[0] = Near;
        BinaryPrimitives.WriteInt32LittleEndian(jump.AsSpan(1), displacement);
        return jump;
    }

    /// <summary><c>jmp rel8</c> at an address.</summary>
    public static byte[] ToShort(ulong at, ulong destination)
    {
        long displacement = (long)(destination - (at + ShortLength));
        return displacement == (sbyte)displacement ? [Short, (byte)displacement]
            : throw new ArgumentOutOfRangeException(nameof(destination), displacement, "A short jump reaches 128 bytes.");
    }

    /// <summary>Where the jump that lies at an address leads; null when there is none of the two.</summary>
    public static ulong? Destination(ulong at, ReadOnlySpan<byte> code) => code switch
    {
        [Near, _, _, _, _, ..] => at + NearLength + (ulong)BinaryPrimitives.ReadInt32LittleEndian(code[1..]),
        [Short, _, ..] => at + ShortLength + (ulong)(sbyte)code[1],
        _ => null,
    };
}
