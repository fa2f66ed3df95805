using Pannus.Core;
using Pannus.Elf;
using Pannus.Machines;
using Pannus.Tests.Support;

namespace Pannus.Tests.Elf;

public class ElfFileTests
{
    [Theory]
    [InlineData("-O1", "program")]
    [InlineData("-O1 -no-pie -ffunction-sections", "program")]
    [InlineData("-O1 -shared -fPIC", "library.so")]
    [InlineData("-c -O1 -fdata-sections", "object.o")]
    public void The_symbol_table_is_the_one_that_readelf_shows(string arguments, string fileName)
    {
        string path = Gcc.Compile(Samples.Source, arguments, fileName);
        using ElfImage image = ElfImage.OpenFile(path);
        // readelf shows a section's name for its symbol, which itself has none.
        Assert.Equal(
            Readelf.SymbolTable(path).Select(s =>
                (s.Type == "SECTION" ? "" : s.Name, s.Value, s.Size, s.Binding == "LOCAL")),
            image.SymbolTable.Select(s => (s.Name, s.Value, s.Size, s.IsLocal)));
        Assert.Contains(image.SymbolTable, s => s is { Name: "func_J", IsFunction: true, IsLocal: false });
        Assert.Contains(image.SymbolTable, s => s is { Name: "per_thread", IsThreadLocal: true });
    }

    [Fact]
    public void Local_symbols_know_their_source_file()
    {
        using ElfImage image = ElfImage.OpenFile(Samples.Program);
        Assert.Equal("program.c", Assert.Single(image.SymbolTable.Find(name => name.SequenceEqual("helper"u8))).File);
        Assert.Equal("", Assert.Single(image.SymbolTable.Find(name => name.SequenceEqual("func_J"u8))).File);
    }

    [Fact]
    public void The_build_id_is_found_also_without_section_headers()
    {
        foreach (string path in (string[])[Samples.Program, Samples.Libc, Samples.VersionedLibrary])
        {
            string expected = Readelf.BuildId(path);
            Assert.Equal(40, expected.Length);
            using ElfImage image = ElfImage.OpenFile(path),
                stripped = ElfImage.FromBytes(Samples.WithoutSections(path), "");
            Assert.Equal((expected, expected), (image.BuildId, stripped.BuildId));
        }
    }

    [Fact]
    public void A_program_without_build_id_has_an_empty_one()
    {
        using ElfImage image = ElfImage.OpenFile(Gcc.Compile(Samples.Source, "-Wl,--build-id=none", "no-build-id"));
        Assert.Equal("", image.BuildId);
    }

    [Fact]
    public void Names_its_libraries_its_own_name_and_its_dynamic_linker()
    {
        using ElfImage program = ElfImage.OpenFile(Samples.Program),
            library = ElfImage.OpenFile(Samples.VersionedLibrary),
            libc = ElfImage.OpenFile(Samples.Libc);
        Assert.Equal(("", "libfoo.so.1", "libc.so.6"), (program.SoName, library.SoName, libc.SoName));
        Assert.Equal(["libc.so.6"], program.Needed);
        Assert.Equal(("/lib64/ld-linux-x86-64.so.2", ""), (program.Interpreter, library.Interpreter));
    }

    [Theory]
    [InlineData("")]
    [InlineData("-Wl,-z,now")]
    [InlineData("-Wl,-z,pack-relative-relocs")]
    public void All_relocations_of_a_library_are_found(string arguments)
    {
        string path = Gcc.Compile(Samples.Source, $"-shared -fPIC {arguments}", "librelocations.so");
        using ElfImage image = ElfImage.OpenFile(path);
        var found = image.Relocations.Select(r => (r.Offset, X64Relocation.Name(r.Type))).Order().ToList();
        if (arguments.Contains("pack"))
        {
            Assert.NotNull(image.DynamicValue(DynamicTag.Relr));
            // readelf does not spell out packed ones; the same library without them has as many and the linker moves
            // none.
            string plain = Gcc.Compile(Samples.Source, "-shared -fPIC", "librelocations.so");
            Assert.Equal(Readelf.Relocations(plain).CountBy(r => r.Type).OrderBy(c => c.Key), found.CountBy(r =>
                r.Item2).OrderBy(c => c.Key));
            ElfSymbol relocated = image.DynamicSymbols.Single(s => s.Name == "relocated");
            Assert.Equal((ulong[])[2, 70], found.Where(r => r.Item2 == "R_X86_64_RELATIVE"
                && r.Offset - relocated.Value < 640)
                .Select(r => (r.Offset - relocated.Value) / 8));
        }
        else
        {
            Assert.Equal(Readelf.Relocations(path).Select(r => (r.Offset, r.Type)).Order(), found);
        }
    }

    [Fact]
    public void A_module_in_memory_reads_like_its_file()
    {
        using ElfImage file = ElfImage.OpenFile(Samples.VersionedLibrary);
        var memory = new MappedFile(file, 0x7f00_0000_0000);
        using ElfImage live = ElfImage.FromMemory(memory, memory.Start, "live");
        Assert.Equal((file.BuildId, file.SoName), (live.BuildId, live.SoName));
        Assert.Equal(file.DynamicSymbols.Select(s => (s.Name, s.Version, s.Value)), live.DynamicSymbols.Select(s =>
            (s.Name, s.Version, s.Value)));
    }

    [Fact]
    public void Damaged_headers_in_memory_are_refused()
    {
        byte[] header = File.ReadAllBytes(Samples.VersionedLibrary)[..4096];
        for (int field = 8; field < 56; field += 8)
        {
            foreach (ulong value in (ulong[])[ulong.MaxValue, 1ul << 63, ulong.MaxValue - 0x1000, 0x7fff_ffff,
                1ul << 32])
            {
                byte[] damaged = [.. header];
                new ElfEdit(damaged).SetLoad(1, field, value);
                try
                {
                    ElfImage.FromMemory(new Bytes(damaged), 0, "damaged").Dispose();
                }
                catch (PatchException e)
                {
                    Assert.Equal(PatchErrorId.PatchFileInvalid, e.Id);
                }
            }
        }
        Assert.Throws<PatchException>(() => ElfImage.FromMemory(new Bytes([]), 0, "nothing there"));
    }
}
