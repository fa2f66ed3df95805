using Pannus.Core;
using Pannus.Elf;
using Pannus.Symbols;
using Pannus.Tests.Elf;
using Pannus.Tests.Support;

namespace Pannus.Tests.Symbols;

/// <summary>Programs that do not say all about themselves.</summary>
public sealed class DebugFileTests : IDisposable
{
    private static readonly string s_whole = SymbolResolverTests.Program("");
    private readonly string _directory = Directory.CreateTempSubdirectory("pannus-").FullName;
    private readonly string _stripped;

    public DebugFileTests()
    {
        _stripped = Path.Combine(_directory, "stripped");
        Gcc.Run("strip", $"-o {_stripped} {s_whole}");
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void A_stripped_program_has_its_exported_symbols_and_says_how_to_get_the_others()
    {
        string exporting = Path.Combine(_directory, "exporting");
        Gcc.Run("strip", $"-o {exporting} {SymbolResolverTests.Program("-rdynamic")}");
        using var running = new SleepingProgram(exporting);
        var resolver = new SymbolResolver(running.Target);
        ResolvedSymbol global = resolver.Resolve("global");
        Assert.Equal((SymbolSource.DynamicSymbolTable, "exporting"), (global.Source, global.Module));
        PatchException error = Assert.Throws<PatchException>(() => resolver.Resolve("a.c:helper"));
        Assert.Equal(PatchErrorId.SymbolNotFound, error.Id);
        Assert.Contains("-SymbolFile", error.Message);
    }

    [Fact]
    public void A_symbol_file_names_what_was_stripped()
    {
        string debug = Path.Combine(_directory, "program.debug");
        Gcc.Run("objcopy", $"--only-keep-debug {s_whole} {debug}");
        using var running = new SleepingProgram(_stripped);
        foreach (string file in (string[])[debug, s_whole])
        {
            ResolvedSymbol found = new SymbolResolver(running.Target, new ResolverOptions { SymbolFile = file })
                .Resolve("a.c:helper");
            Assert.Equal((SymbolSource.DebugFile, "a.c", Expected(running, "a.c")),
                (found.Source, found.File, found.Address));
        }
    }

    [Fact]
    public void A_debug_file_is_found_by_build_id()
    {
        using var running = new SleepingProgram(_stripped);
        string id = running.Target.Executable.BuildId;
        string directory = $"/usr/lib/debug/.build-id/{id[..2]}", debug = $"{directory}/{id[2..]}.debug";
        bool isNew = !Directory.Exists(directory);
        Directory.CreateDirectory(directory);
        try
        {
            Gcc.Run("objcopy", $"--only-keep-debug {s_whole} {debug}");
            ResolvedSymbol found = new SymbolResolver(running.Target).Resolve("b.c:helper");
            Assert.Equal((SymbolSource.DebugFile, Expected(running, "b.c")), (found.Source, found.Address));

            // One that is damaged, or of another build, is as good as none.
            File.WriteAllBytes(debug, File.ReadAllBytes(debug)[..500]);
            Assert.Equal(PatchErrorId.SymbolNotFound, Assert.Throws<PatchException>(() =>
                new SymbolResolver(running.Target).Resolve("b.c:helper")).Id);
            File.Copy(SymbolResolverTests.Program("-rdynamic"), debug, overwrite: true);
            Assert.Equal(PatchErrorId.SymbolNotFound, Assert.Throws<PatchException>(() =>
                new SymbolResolver(running.Target).Resolve("b.c:helper")).Id);
        }
        finally
        {
            File.Delete(debug);
            if (isNew) Directory.Delete(directory);
        }
    }

    [Fact]
    public void A_symbol_file_of_another_build_is_refused()
    {
        string other = SymbolResolverTests.Program("-rdynamic");
        using var running = new SleepingProgram(_stripped);
        PatchException error = Error(running, other);
        Assert.Equal(PatchErrorId.BuildIdMismatch, error.Id);
        Assert.Contains(running.Target.Executable.BuildId, error.Message);
        Assert.Contains(Readelf.BuildId(other), error.Message);
    }

    [Fact]
    public void What_is_no_symbol_file_is_refused()
    {
        using var running = new SleepingProgram(_stripped);
        string fifo = Path.Combine(_directory, "fifo");
        Gcc.Run("mkfifo", fifo);
        Assert.Equal(PatchErrorId.PatchFileNotFound, Error(running, "/no/such/file").Id);
        Assert.Equal(PatchErrorId.PatchFileInvalid, Error(running, "/etc/passwd").Id);
        Assert.Equal(PatchErrorId.PatchFileInvalid, Error(running, _stripped).Id);
        Assert.Equal(PatchErrorId.PatchFileInvalid, Error(running, _directory).Id);
        Assert.Equal(PatchErrorId.PatchFileInvalid, Error(running, fifo).Id);
    }

    [Fact]
    public void A_program_that_was_deleted_or_replaced_keeps_its_names()
    {
        string path = Path.Combine(_directory, "program");
        File.Copy(s_whole, path);
        using var running = new SleepingProgram(path);
        ulong expected = Expected(running, "a.c");
        File.Delete(path);
        Assert.Equal(expected, new SymbolResolver(running.Target).Resolve("a.c:helper").Address);

        // An upgrade puts another program there.
        File.Copy(SymbolResolverTests.Program("-rdynamic"), path);
        running.Target.Refresh();
        Assert.Equal((expected, "program"),
            (new SymbolResolver(running.Target).Resolve("a.c:helper").Address, running.Target.Executable.Name));
        Assert.True(running.Target.Executable.IsDeleted);
    }

    // nm of the program before it was stripped: its helpers lie in the order of its sources.
    private static ulong Expected(SleepingProgram running, string file)
    {
        using ElfImage image = ElfImage.OpenFile(s_whole);
        ulong[] helpers = [.. image.SymbolTable.Where(s => s.Name == "helper").Select(s => s.Value).Order()];
        return running.Target.Executable.LoadBias + helpers[file == "a.c" ? 0 : 1];
    }

    private static PatchException Error(SleepingProgram running, string symbolFile) =>
        Assert.Throws<PatchException>(() =>
        new SymbolResolver(running.Target, new ResolverOptions { SymbolFile = symbolFile }).Resolve("global"));
}
