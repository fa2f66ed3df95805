using System.Buffers.Binary;

namespace Pannus.Tests.Fuzz;

/// <summary>Damages files: the n-th input of a subject is the same in every run.</summary>
internal static class Mutator
{
    private static readonly ulong[] s_numbers =
    [
        0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, 0xffff_ffff, 0x1_0000_0000,
        0x7fff_ffff_ffff_ffff, 0x8000_0000_0000_0000, 0xffff_ffff_ffff_f000, 0xffff_ffff_ffff_ffff,
    ];

    /// <summary>One of the files with one to eight kinds of damage.</summary>
    public static byte[] Next(byte[][] seeds, int number)
    {
        var random = new Random(unchecked(number * 7919 + 20040614));
        byte[] whole = seeds[random.Next(seeds.Length)];
        byte[] bytes = [.. whole];
        for (int count = random.Next(1, 9); count > 0; count--) bytes = Damage(bytes, random);
        return bytes;
    }

    // Half of it where it hurts, in the headers at both ends.
    private static byte[] Damage(byte[] bytes, Random random)
    {
        if (bytes.Length < 16) return [.. bytes, .. new byte[16]];
        int at = random.Next(4) switch
        {
            0 => random.Next(Math.Min(600, bytes.Length)),
            1 => bytes.Length - 1 - random.Next(Math.Min(2000, bytes.Length)),
            _ => random.Next(bytes.Length),
        };
        int rest = bytes.Length - at, length = Math.Min(random.Next(1, 65), rest);
        switch (random.Next(16))
        {
            case 0:
                return bytes[..at];
            case 1:
                return [.. bytes[..at], .. bytes.AsSpan(at, length), .. bytes.AsSpan(at)];
            case 2:
                return [.. bytes[..at], .. bytes.AsSpan(at + length)];
            case 3:
                bytes.AsSpan(random.Next(bytes.Length - length + 1), length).CopyTo(bytes.AsSpan(at));
                break;
            case < 8:
                // A number where a field would be.
                int width = 1 << random.Next(1, 4), field = at & ~(width - 1);
                Span<byte> number = stackalloc byte[8];
                BinaryPrimitives.WriteUInt64LittleEndian(number, s_numbers[random.Next(s_numbers.Length)] + (ulong)random.Next(3) - 1);
                if (field + width <= bytes.Length) number[..width].CopyTo(bytes.AsSpan(field));
                break;
            case < 12:
                bytes[at] ^= (byte)(1 << random.Next(8));
                break;
            default:
                bytes.AsSpan(at, Math.Min(1 << random.Next(4), rest))
                    .Fill(random.Next(3) switch { 0 => 0, 1 => 0xff, _ => (byte)random.Next(256) });
                break;
        }
        return bytes;
    }
}
