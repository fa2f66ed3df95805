using Pannus.Core;
using Pannus.Elf;
using Pannus.Symbols;
using Pannus.Tests.Elf;
using Pannus.Tests.Support;

namespace Pannus.Tests.Symbols;

/// <summary>Names in a live program of two source files and a library with two versions of a function.</summary>
public sealed class SymbolResolverTests : IDisposable
{
    private static readonly string s_program = Program("");
    private readonly SleepingProgram _running = new(s_program);

    public void Dispose() => _running.Dispose();

    [Fact]
    public void Finds_functions_and_variables_where_the_program_has_them()
    {
        using ElfImage image = ElfImage.OpenFile(s_program);
        foreach (string name in (string[])["main", "global", "only_in_a", "table"])
        {
            ElfSymbol expected = image.SymbolTable.Single(s => s.Name == name);
            ResolvedSymbol found = Resolve(name);
            Assert.Equal((_running.Target.Executable.LoadBias + expected.Value, expected.Size, "program"),
                (found.Address, found.Size, found.Module));
            Assert.Equal(((int)expected.Type, expected.IsLocal), ((int)found.Type, found.IsLocal));
        }
        // The address is the real one: the variable holds what it was given.
        byte[] value = new byte[8];
        Assert.Equal(8, _running.Target.Memory.Read(Resolve("table+0x18").Address, value));
        Assert.Equal(44, BitConverter.ToInt64(value));
    }

    [Fact]
    public void Local_functions_of_one_name_are_told_apart_by_their_files()
    {
        PatchException error = Assert.Throws<PatchException>(() => Resolve("helper"));
        Assert.Equal(PatchErrorId.SymbolAmbiguous, error.Id);
        Assert.Contains("a.c:helper", error.Message);
        Assert.Contains("b.c:helper", error.Message);

        ResolvedSymbol a = Resolve("a.c:helper"), b = Resolve("program!b.c:helper");
        Assert.NotEqual(a.Address, b.Address);
        Assert.Equal(("a.c", "b.c", true), (a.File, b.File, a.IsLocal));
        Assert.Contains($"0x{a.Address:x}", error.Message);
        Assert.Equal(PatchErrorId.SymbolNotFound, Assert.Throws<PatchException>(() => Resolve("c.c:helper")).Id);
    }

    [Fact]
    public void Versions_are_told_apart_and_the_default_is_meant_without_one()
    {
        ResolvedSymbol first = Resolve("foo@V1"), second = Resolve("foo@V2"), plain = Resolve("foo");
        Assert.NotEqual(first.Address, second.Address);
        Assert.Equal((second.Address, "V2", "libfoo.so.1"), (plain.Address, plain.Version, plain.Module));
        Assert.Equal(second.Address, Resolve("libfoo.so.1!foo@@V2").Address);
        Assert.Equal(second.Address, Resolve("libfoo.so!foo").Address); // By file name too.
        Assert.Equal(PatchErrorId.SymbolNotFound, Assert.Throws<PatchException>(() => Resolve("foo@V3")).Id);
        Assert.NotEqual(Resolve("memcpy@GLIBC_2.14").Address, Resolve("memcpy@GLIBC_2.2.5").Address);
    }

    [Fact]
    public void An_offset_stays_inside_its_symbol()
    {
        ResolvedSymbol table = Resolve("table"), inside = Resolve("table+24");
        Assert.Equal((table.Address + 24, table.Size - 24, "table+0x18"), (inside.Address, inside.Size, inside.Name));
        PatchException error = Assert.Throws<PatchException>(() => Resolve($"table+{table.Size}"));
        Assert.Equal(PatchErrorId.SymbolSizeMismatch, error.Id);
    }

    [Theory]
    [InlineData("globl", "global")]
    [InlineData("Global", "global")]
    [InlineData("only_in_aa", "only_in_a")]
    [InlineData("only_ni_a", "only_in_a")]
    [InlineData("libfoo.so.1!br", "bar")]
    public void A_slip_of_the_finger_is_told_what_was_meant(string wrong, string meant)
    {
        PatchException error = Assert.Throws<PatchException>(() => Resolve(wrong));
        Assert.Equal(PatchErrorId.SymbolNotFound, error.Id);
        Assert.Contains(meant, error.Message);
    }

    [Fact]
    public void A_module_that_is_not_there_lists_those_that_are()
    {
        PatchException error = Assert.Throws<PatchException>(() => Resolve("libnone.so!foo"));
        Assert.Equal(PatchErrorId.SymbolNotFound, error.Id);
        Assert.Contains("libnone.so", error.Message);
        Assert.Contains("libfoo.so.1", error.Message);
        Assert.Contains("libc.so.6", error.Message);
    }

    [Fact]
    public void Wildcards_find_all_that_match_each_once()
    {
        var resolver = new SymbolResolver(_running.Target);
        Assert.Equal(["a.c", "b.c"], resolver.Find("program!helper*").Select(s => s.File).Order());
        Assert.Equal(["only_in_a", "only_in_b"], resolver.Find("only_in_?").Select(s => s.Name).Order());
        Assert.Equal([("foo", "V1", false), ("foo", "V2", true), ("foo_new", "", true), ("foo_old", "", true)],
            resolver.Find("libfoo.so.1!foo*").Select(s => (s.Name, s.Version, s.IsDefaultVersion)).Order());
        Assert.Empty(resolver.Find("no_such_*"));
        Assert.Empty(resolver.Find("libnone.so!*"));
        Assert.Empty(resolver.Find("HELPER"));
        ResolvedSymbol[] all = [.. resolver.Find("program!*")];
        Assert.Equal(all.Length, all.DistinctBy(s => (s.Name, s.Version, s.Address)).Count());
    }

    [Fact]
    public void Many_names_are_found_in_their_order()
    {
        string[] names = ["foo@V1", "global", "a.c:helper", "puts", "global"];
        var resolver = new SymbolResolver(_running.Target);
        Assert.Equal(names.Select(n => resolver.Resolve(n).Address), resolver.ResolveMany(names).Select(s =>
            s.Address));
    }

    /// <summary>The program, linked with more arguments.</summary>
    internal static string Program(string arguments)
    {
        string library = Samples.VersionedLibrary, directory = Path.GetDirectoryName(library)!;
        string soname = Path.Combine(directory, "libfoo.so.1");
        if (!File.Exists(soname)) File.CreateSymbolicLink(soname, library);
        string a = Gcc.Compile("""
            static int __attribute__((noinline)) helper(int a) { return a * 3; }
            int only_in_a(int a) { return helper(a); }
            """, "-c -O1", "a.o");
        string b = Gcc.Compile("""
            static int __attribute__((noinline)) helper(int a) { return a * 5 + 1; }
            int only_in_b(int a) { return helper(a); }
            """, "-c -O1", "b.o");
        return Gcc.Compile($$"""
            #include <stdio.h>
            #include <unistd.h>
            extern int foo(void), only_in_a(int), only_in_b(int);
            long table[] = { 11, 22, 33, 44, 55 };
            int global(int a) { return only_in_a(a) + only_in_b(a) + foo(); }
            int main(void) { global(2); {{SleepingProgram.Sleep}} }
            """, $"-O1 {arguments} -Wl,--no-as-needed {a} {b} {library} -Wl,-rpath,{directory}", "program");
    }

    private ResolvedSymbol Resolve(string name) => new SymbolResolver(_running.Target).Resolve(name);
}
