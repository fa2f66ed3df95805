using System.Text;

namespace Pannus.Elf;

/// <summary>Names in debug information.</summary>
internal static class DwarfText
{
    /// <summary>The text of bytes.</summary>
    public static string String(ReadOnlySpan<byte> bytes) => Encoding.UTF8.GetString(bytes);

    /// <summary>The bytes up to the next NUL from an offset on; empty when that is outside.</summary>
    public static ReadOnlySpan<byte> At(ReadOnlySpan<byte> section, ulong offset) => ElfImage.TextBytes(section, offset);
}
