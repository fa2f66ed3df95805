using System.Buffers.Binary;
using System.Globalization;
using System.Text.RegularExpressions;
using Pannus.Elf;
using Pannus.Tests.Support;

namespace Pannus.Tests.Elf;

/// <summary>Numbers that do not fit their fields of 16 bits stand elsewhere (gABI: SHN_XINDEX, PN_XNUM), and all of them are read.</summary>
public sealed class ExtendedNumberTests
{
    private const int Functions = 70_000;

    [Theory]
    [InlineData(Machine.X64)]
    [InlineData(Machine.IA32)]
    public void An_object_of_more_sections_than_16_bits_count_is_read_whole(string machine)
    {
        string file = ManySections(machine);
        using ElfImage image = ElfImage.OpenFile(file);
        string header = Gcc.Run("readelf", $"-h {file}");
        Assert.Equal(int.Parse(Regex.Match(header, @"section headers:\s+0 \((\d+)\)").Groups[1].Value, CultureInfo.InvariantCulture), image.Sections.Count);
        Assert.True(image.HasSymbolTable);
        foreach (int number in (int[])[0, 65_000, 65_279, 65_280, 65_281, 65_536, Functions - 1])
        {
            ElfSymbol function = Assert.Single(image.SymbolTable.Find([$"f{number}"])).Symbol;
            Assert.True(function.IsDefined);
            Assert.False(function.IsAbsolute || function.IsCommon);
            Assert.Equal($".text.f{number}", image.Sections[(int)function.SectionIndex].Name);
        }
    }

    [Fact]
    public void More_program_headers_than_16_bits_count_are_read()
    {
        const int headers = 70_000, headerSize = 64, sectionSize = 64, programHeaderSize = 56;
        byte[] file = new byte[headerSize + sectionSize + headers * programHeaderSize];
        File.ReadAllBytes(Samples.Program).AsSpan(0, headerSize).CopyTo(file);
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(32), headerSize + sectionSize);
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(40), headerSize);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(56), 0xffff);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(60), 1);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(62), 0);
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(headerSize + 44), headers);
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(headerSize + sectionSize + (headers - 1) * programHeaderSize), 1);
        using ElfImage image = ElfImage.FromBytes(file, "many");
        Assert.Equal(headers, image.ProgramHeaders.Count);
        Assert.True(image.ProgramHeaders[^1].IsLoad);
    }

    private static string ManySections(string machine)
    {
        string folder = Directory.CreateTempSubdirectory("pannus-sections-").FullName;
        string source = Path.Combine(folder, "many.s"), file = Path.Combine(folder, "many.o");
        File.WriteAllLines(source, Enumerable.Range(0, Functions).Select(
            i => $".section .text.f{i},\"ax\",@progbits\n.globl f{i}\n.type f{i},@function\nf{i}: ret\n.size f{i},1"));
        Gcc.Run("gcc", $"{machine} -c -o {file} {source}");
        return file;
    }
}
