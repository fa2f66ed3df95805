using System.Buffers.Binary;
using Pannus.Elf;

namespace Pannus.Tests.Elf;

/// <summary>Damages an ELF file (64-bit) by field, as no linker would.</summary>
internal sealed class ElfEdit(byte[] bytes)
{
    public const int Offset = 8, VirtualAddress = 16, FileSize = 32, MemorySize = 40, Alignment = 48;
    private const int ProgramHeaderSize = 56, SectionHeaderSize = 64;

    public byte[] Bytes => bytes;

    public static ElfEdit Of(string path) => new(File.ReadAllBytes(path));

    /// <summary>Sets a field of the n-th PT_LOAD, by its offset in Elf64_Phdr.</summary>
    public void SetLoad(int n, int field, ulong value) =>
        Write(ProgramHeaders().Where(h => Word(h) == (uint)ProgramHeaderType.Load).ElementAt(n) + field, value);

    /// <summary>Sets p_flags of the n-th PT_LOAD.</summary>
    public void SetLoadFlags(int n, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(
        bytes.AsSpan(ProgramHeaders().Where(h => Word(h) == (uint)ProgramHeaderType.Load).ElementAt(n) + 4), value);

    public ulong GetLoad(int n, int field) =>
        Xword(ProgramHeaders().Where(h => Word(h) == (uint)ProgramHeaderType.Load).ElementAt(n) + field);

    /// <summary>Sets the value of a dynamic tag.</summary>
    public void SetDynamic(DynamicTag tag, ulong value)
    {
        int at = (int)Xword(ProgramHeaders().Single(h => Word(h) == (uint)ProgramHeaderType.Dynamic) + 8);
        while ((DynamicTag)Xword(at) != tag) at += 16;
        Write(at + 8, value);
    }

    /// <summary>Sets a field of a section header, by its offset in Elf64_Shdr.</summary>
    public void SetSection(SectionHeader section, int field, ulong value) =>
        Write((int)Xword(40) + section.Index * SectionHeaderSize + field, value);

    /// <summary>Changes a relocation that is held in a section of Elf64_Rela.</summary>
    public void SetRelocation(string section, int n, ulong? offset = null, uint? type = null, uint? symbol = null)
    {
        using ElfImage image = ElfImage.FromBytes(bytes, "edit");
        int at = (int)image.FindSection(section)!.Offset + n * 24;
        ulong info = Xword(at + 8);
        Write(at, offset ?? Xword(at));
        Write(at + 8, (ulong)(symbol ?? (uint)(info >> 32)) << 32 | (type ?? (uint)info));
    }

    public void Write(int at, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(at), value);

    public ulong Xword(int at) => BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(at));

    private uint Word(int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at));

    private IEnumerable<int> ProgramHeaders()
    {
        int start = (int)Xword(32), count = BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(56));
        return Enumerable.Range(0, count).Select(i => start + i * ProgramHeaderSize);
    }
}
