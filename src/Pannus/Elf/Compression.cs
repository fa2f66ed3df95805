using SharpCompress.Common;
using SharpCompress.Compressors.Xz;
using SharpCompress.Compressors.ZStandard;

namespace Pannus.Elf;

/// <summary>The two methods that .NET does not bring. The library behind them is loaded when a file asks for it.</summary>
internal static class Compression
{
    private const int Piece = 64 << 10;

    /// <summary>Zstandard (RFC 8878).</summary>
    public static Stream Zstandard(Stream source) => new DecompressionStream(source, leaveOpen: false);

    /// <summary>
    /// Unpacks an .xz file in memory. Throws <see cref="InvalidDataException"/> when it makes more than
    /// <paramref name="most"/> bytes, and what <see cref="IsDamage"/> knows.
    /// </summary>
    public static byte[] Xz(byte[] packed, int most)
    {
        using var stream = new XZStream(new MemoryStream(packed));
        using var content = new MemoryStream();
        byte[] piece = new byte[Piece];
        for (int read; (read = stream.Read(piece, 0, piece.Length)) > 0;)
        {
            content.Write(piece, 0, read);
            if (content.Length > most) throw new InvalidDataException($"more than {most >> 20} MiB");
        }
        return content.ToArray();
    }

    /// <summary>Whether an exception tells of damaged data.</summary>
    public static bool IsDamage(Exception e) => e is InvalidDataException or IOException or SharpCompressException or ZstdException
        or IndexOutOfRangeException or ArgumentException or OverflowException or NotImplementedException or InvalidOperationException;
}
