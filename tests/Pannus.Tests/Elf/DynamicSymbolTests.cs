using Pannus.Elf;
using Pannus.Tests.Support;

namespace Pannus.Tests.Elf;

public class DynamicSymbolTests
{
    [Fact]
    public void Every_symbol_of_libc_has_the_name_version_value_and_size_that_readelf_shows()
    {
        using ElfImage image = ElfImage.OpenFile(Samples.Libc);
        Assert.True(image.DynamicSymbols.Count > 2000);
        AssertSame(Readelf.DynamicSymbols(Samples.Libc), image.DynamicSymbols);
    }

    [Fact]
    public void A_symbol_of_two_versions_has_one_default()
    {
        using ElfImage image = ElfImage.OpenFile(Samples.VersionedLibrary);
        AssertSame(Readelf.DynamicSymbols(Samples.VersionedLibrary), image.DynamicSymbols);
        ElfSymbol[] foo = [.. image.DynamicSymbols.Where(s => s.Name == "foo").OrderBy(s => s.Version)];
        Assert.Equal(["V1", "V2"], foo.Select(s => s.Version));
        Assert.Equal([false, true], foo.Select(s => s.IsDefaultVersion));
        Assert.NotEqual(foo[0].Value, foo[1].Value);
    }

    [Theory]
    [InlineData("sysv")]
    [InlineData("gnu")]
    [InlineData("both")]
    public void Finds_all_symbols_without_section_headers(string hashStyle)
    {
        string path = Gcc.Compile(Samples.Source, $"-shared -fPIC -Wl,--hash-style={hashStyle}", "libhash.so");
        IReadOnlyList<Readelf.Symbol> expected = Readelf.DynamicSymbols(path);
        using ElfImage whole = ElfImage.OpenFile(path);
        AssertSame(expected, whole.DynamicSymbols);

        using ElfImage image = ElfImage.FromBytes(Samples.WithoutSections(path), "without sections");
        Assert.Empty(image.Sections);
        Assert.False(image.HasSymbolTable);
        AssertSame(expected, image.DynamicSymbols);
    }

    [Fact]
    public void A_library_that_exports_nothing_still_has_what_it_needs()
    {
        string path = Gcc.Compile(
            "extern int puts(const char *); __attribute__((visibility(\"hidden\"))) int f(void) { return puts(\"\"); }",
            "-shared -fPIC -nostartfiles -Wl,--hash-style=gnu", "libnothing.so");
        using ElfImage image = ElfImage.FromBytes(Samples.WithoutSections(path), "without sections");
        AssertSame(Readelf.DynamicSymbols(path), image.DynamicSymbols);
    }

    [Fact]
    public void Reads_a_32_bit_library()
    {
        string path = Gcc.Compile("int v = 5; int *p = &v; int twice(int a) { return 2 * a; }",
            "-m32 -shared -fPIC -nostdlib", "lib32.so");
        using ElfImage image = ElfImage.OpenFile(path);
        Assert.Equal((ElfClass.Elf32, ElfMachine.I386, ElfType.Dyn), (image.Class, image.Machine, image.Type));
        AssertSame(Readelf.DynamicSymbols(path), image.DynamicSymbols);
        Assert.Equal(Readelf.Relocations(path).Select(r => r.Offset), image.Relocations.Select(r => r.Offset));
        Assert.Equal(Readelf.BuildId(path), image.BuildId);
    }

    private static void AssertSame(IReadOnlyList<Readelf.Symbol> expected, ElfSymbolTable found) => Assert.Equal(
        expected.Select(s => (s.Name, s.Value, s.Size, s.Section == "UND")),
        found.Select(s => (NameAndVersion(s), s.Value, s.Size, !s.IsDefined)));

    // readelf does not repeat the name of a symbol that stands for the version itself.
    private static string NameAndVersion(ElfSymbol s) =>
        s.Version.Length == 0 || s.Version == s.Name ? s.Name : s.Name + (s.IsDefined
            && s.IsDefaultVersion ? "@@" : "@") + s.Version;
}
