using System.Buffers.Binary;
using System.IO.Compression;
using Pannus.Core;

namespace Pannus.Elf;

// Sections that are compressed (gABI, "Section Compression"; before that GNU's .zdebug_*).
internal sealed partial class ElfImage
{
    private const uint Zlib = 1, Zstandard = 2;
    private const ulong LargestContent = 1u << 31, MostTimes = 4096;

    private readonly Dictionary<int, byte[]> _unpacked = [];

    /// <summary>Bytes of a section when it is unpacked.</summary>
    internal ulong ContentSize(SectionHeader section) => section.Flags.HasFlag(SectionFlags.Compressed) && section.Type != SectionType.NoBits
        ? CompressionOf(section).Size : section.Size;

    /// <summary>The contents of a section, unpacked where it is compressed. Error: <see cref="PatchErrorId.PatchFileInvalid"/>.</summary>
    internal ReadOnlySpan<byte> SectionContent(SectionHeader section)
    {
        if (!section.Flags.HasFlag(SectionFlags.Compressed) || section.Type == SectionType.NoBits) return SectionData(section);
        lock (_unpacked)
        {
            if (!_unpacked.TryGetValue(section.Index, out byte[]? content)) _unpacked[section.Index] = content = Unpack(section);
            return content;
        }
    }

    // Elfxx_Chdr: ch_type, in 64 bits a reserved word, ch_size, ch_addralign.
    private (uint Type, ulong Size, int Header) CompressionOf(SectionHeader section)
    {
        ReadOnlySpan<byte> data = SectionData(section);
        int header = Is64 ? 24 : 12;
        if (data.Length < header) throw Invalid($"section {section.Name} is compressed and too short for it");
        return (BinaryPrimitives.ReadUInt32LittleEndian(data),
            Is64 ? BinaryPrimitives.ReadUInt64LittleEndian(data[8..]) : BinaryPrimitives.ReadUInt32LittleEndian(data[4..]), header);
    }

    private unsafe byte[] Unpack(SectionHeader section)
    {
        (uint type, ulong size, int header) = CompressionOf(section);
        ReadOnlySpan<byte> packed = SectionData(section)[header..];
        // A damaged header may ask for anything; neither method makes more of so little.
        if (size > LargestContent || size > ((ulong)packed.Length + 64) * MostTimes) throw Invalid($"section {section.Name} of {size} bytes when it is unpacked");
        byte[] content = new byte[size];
        try
        {
            fixed (byte* start = packed)
            {
                using var source = new UnmanagedMemoryStream(start, packed.Length);
                using Stream stream = type switch
                {
                    Zlib => new ZLibStream(source, CompressionMode.Decompress),
                    Zstandard => Compression.Zstandard(source),
                    _ => throw Invalid($"section {section.Name} is compressed in an unknown way ({type})"),
                };
                stream.ReadExactly(content);
            }
            return content;
        }
        catch (Exception e) when (e is InvalidDataException or IOException || Compression.IsDamage(e))
        {
            throw Invalid($"section {section.Name} cannot be unpacked: {e.Message}");
        }
    }
}
