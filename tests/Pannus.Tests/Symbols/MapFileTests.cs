using System.Diagnostics;
using Pannus.Core;
using Pannus.Elf;
using Pannus.Symbols;
using Pannus.Tests.Support;

namespace Pannus.Tests.Symbols;

public sealed class MapFileTests : IDisposable
{
    private const string Source = """
        #include <stdio.h>
        #include <unistd.h>
        int counter = 3;
        char buffer[4000];
        static int helper(int a) { return a + counter; }
        int func_J(int a) { return helper(a) + buffer[a]; }
        int main(void) { func_J(1); puts("ready"); fflush(stdout); for (;;) pause(); }
        """;

    private readonly string _path = Path.GetTempFileName();

    public void Dispose() => File.Delete(_path);

    [Theory]
    [InlineData("")]
    [InlineData("-no-pie")]
    [InlineData("-ffunction-sections -fdata-sections -Wl,--gc-sections")]
    [InlineData("-fuse-ld=gold")]
    public void Has_the_global_symbols_of_the_program_at_their_addresses(string arguments)
    {
        string program = Gcc.Compile(Source, $"{arguments} -Wl,-Map=program.map", "program");
        MapFile map = MapFile.Read(MapOf(program));
        using ElfImage image = ElfImage.OpenFile(program);
        foreach (string name in (string[])["func_J", "main", "counter", "buffer"])
            Assert.Equal(image.SymbolTable.Single(s => s.Name == name).Value, map.Find(name));
        Assert.Null(map.Find("no_such_name"));
        Assert.DoesNotContain(map.Names, n => n.StartsWith("0x", StringComparison.Ordinal) || n.Contains('=')
            || n.StartsWith('/'));
        // Whatever else it names is what the symbol table has too, where that has it.
        foreach (ElfSymbol s in image.SymbolTable.Where(s => s is { IsDefined: true, IsLocal: false, IsAbsolute: false }
            && map.Find(s.Name) is not null))
            Assert.Equal(s.Value, map.Find(s.Name));
    }

    [Fact]
    public void Names_what_a_stripped_program_has_forgotten()
    {
        string program = Gcc.Compile(Source, "-s -Wl,-Map=program.map", "program");
        string whole = Gcc.Compile(Source, "", "whole");
        using var running = new SleepingProgram(program);
        ResolvedSymbol found = new SymbolResolver(running.Target, new ResolverOptions { MapFile = MapOf(program) })
            .Resolve("func_J");
        using ElfImage image = ElfImage.OpenFile(whole);
        Assert.Equal(SymbolSource.MapFile, found.Source);
        Assert.Equal(running.Target.Executable.LoadBias + image.SymbolTable.Single(s => s.Name == "func_J").Value,
            found.Address);
        Assert.Throws<PatchException>(() => new SymbolResolver(running.Target).Resolve("func_J"));
    }

    [Fact]
    public void A_symbol_that_the_program_knows_too_keeps_its_size()
    {
        string program = Gcc.Compile(Source, "-Wl,-Map=program.map", "program");
        using var running = new SleepingProgram(program);
        ResolvedSymbol found = new SymbolResolver(running.Target, new ResolverOptions { MapFile = MapOf(program) })
            .Resolve("buffer");
        Assert.Equal((SymbolSource.MapFile, 4000ul, SymbolType.Object), (found.Source, found.Size, found.Type));
    }

    [Fact]
    public void A_map_of_another_build_is_refused()
    {
        string program = Gcc.Compile(Source, "-Wl,-Map=program.map", "program");
        string other = Gcc.Compile("int added(int a) { return a * 3; }\n" + Source, "-Wl,-Map=program.map", "program");
        using var running = new SleepingProgram(program);
        PatchException error = Assert.Throws<PatchException>(() =>
            new SymbolResolver(running.Target, new ResolverOptions { MapFile = MapOf(other) }).Resolve("func_J"));
        Assert.Equal(PatchErrorId.BuildIdMismatch, error.Id);
        Assert.Contains("func_J", error.Message);
        Assert.Contains(MapOf(other), error.Message);
    }

    [Theory]
    [InlineData("")]
    [InlineData("what is this\n")]
    [InlineData("                0x0000000000001189                func_J\n")]
    [InlineData("Linker script and memory map\n\n")]
    [InlineData("Linker script and memory map\n                0xzz                func_J\n  0x12\n 0x\n")]
    public void Junk_is_no_map_file(string text)
    {
        File.WriteAllText(_path, text);
        PatchException error = Assert.Throws<PatchException>(() => MapFile.Read(_path));
        Assert.Equal(PatchErrorId.PatchFileInvalid, error.Id);
        Assert.Contains("-Wl,-Map=FILE", error.Message);
    }

    [Fact]
    public void Binaries_and_noise_are_no_map_files()
    {
        Assert.Equal(PatchErrorId.PatchFileInvalid, Assert.Throws<PatchException>(() => MapFile.Read("/bin/true")).Id);
        var random = new Random(11);
        byte[] noise = new byte[1 << 16];
        random.NextBytes(noise);
        File.WriteAllBytes(_path, [.. "Linker script and memory map\n"u8, .. noise]);
        Assert.Equal(PatchErrorId.PatchFileInvalid, Assert.Throws<PatchException>(() => MapFile.Read(_path)).Id);
    }

    [Fact]
    public void A_missing_file_a_directory_a_device_and_a_FIFO_are_refused_at_once()
    {
        var clock = Stopwatch.StartNew();
        Assert.Equal(PatchErrorId.PatchFileNotFound, Assert.Throws<PatchException>(() =>
            MapFile.Read("/no/such.map")).Id);
        File.Delete(_path);
        Gcc.Run("mkfifo", _path);
        foreach (string path in (string[])[Path.GetTempPath(), "/dev/zero", _path])
            Assert.Equal(PatchErrorId.PatchFileInvalid, Assert.Throws<PatchException>(() => MapFile.Read(path)).Id);
        Assert.InRange(clock.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(2));
    }

    private static string MapOf(string program) => Path.Combine(Path.GetDirectoryName(program)!, "program.map");
}
