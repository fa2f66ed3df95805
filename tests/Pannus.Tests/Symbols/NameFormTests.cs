using Pannus.Core;
using Pannus.Symbols;
using Pannus.Tests.Support;

namespace Pannus.Tests.Symbols;

/// <summary>Names that mean one thing where a plain name means several, or none.</summary>
public sealed class NameFormTests : IDisposable
{
    private readonly Sources _sources = new();

    public void Dispose() => _sources.Dispose();

    [Fact]
    public void A_function_of_two_modules_of_one_name_is_ambiguous_until_one_is_named()
    {
        using SleepingProgram running = new(Twins());
        PatchException error = Assert.Throws<PatchException>(() => Resolve(running, "lib_answer"));
        Assert.Equal(PatchErrorId.SymbolAmbiguous, error.Id);
        Assert.Equal(PatchErrorId.SymbolAmbiguous, Assert.Throws<PatchException>(() => Resolve(running, "libdup.so!lib_answer")).Id);
        ulong one = Resolve(running, $"{_sources["v1/libdup.so"]}!lib_answer").Address, two = Resolve(running, $"{_sources["v2/libdup.so"]}!lib_answer").Address;
        Assert.NotEqual(one, two);
        Assert.Contains($"{_sources["v2/libdup.so"]}!lib_answer", error.Message);
        Assert.Equal(two, Resolve(running, "v2/libdup.so!lib_answer").Address);
        Assert.Equal(new[] { one, two }.Order(), new[] { Resolve(running, "libdup.so~1!lib_answer").Address, Resolve(running, "libdup.so~2!lib_answer").Address }.Order());
        Assert.Equal(PatchErrorId.SymbolNotFound, Assert.Throws<PatchException>(() => Resolve(running, "libdup.so~3!lib_answer")).Id);
        Assert.Equal(PatchErrorId.SymbolNotFound, Assert.Throws<PatchException>(() => Resolve(running, "v3/libdup.so!lib_answer")).Id);
        string buildId = running.Target.Modules.Single(m => m.Path == _sources["v1/libdup.so"]).BuildId;
        Assert.Equal(one, Resolve(running, $"{buildId}!lib_answer").Address);
    }

    [Fact]
    public void A_link_to_a_library_names_it_as_well()
    {
        string program = Twins();
        File.CreateSymbolicLink(_sources["link.so"], _sources["v1/libdup.so"]);
        using SleepingProgram running = new(program);
        Assert.Equal(Resolve(running, "v1/libdup.so!lib_answer").Address, Resolve(running, $"{_sources["link.so"]}!lib_answer").Address);
    }

    [Fact]
    public void Static_functions_of_one_name_in_files_of_one_name_have_numbers_and_addresses()
    {
        const string file = "__attribute__((noipa)) static int fill(int x) { return x + N; } int CALL(int x) { return fill(x); }";
        _sources.With("a/dir.c", file).With("b/dir.c", file)
            .With("main.c", $"#include <stdio.h>\n#include <unistd.h>\nint call_a(int), call_b(int); int main() {{ call_a(1); call_b(1); {SleepingProgram.Sleep} }}")
            .Run("gcc", "-O2 -DN=1 -DCALL=call_a -c -o a.o a/dir.c").Run("gcc", "-O2 -DN=2 -DCALL=call_b -c -o b.o b/dir.c")
            .Run("gcc", "-O2 -o same main.c a.o b.o");
        using SleepingProgram running = new(_sources["same"]);
        PatchException error = Assert.Throws<PatchException>(() => Resolve(running, "dir.c:fill"));
        Assert.Equal(PatchErrorId.SymbolAmbiguous, error.Id);
        ulong first = Resolve(running, "dir.c:fill~1").Address, second = Resolve(running, "fill~2").Address;
        Assert.True(first < second);
        // What the message offers is taken.
        Assert.Contains("dir.c:fill~2", error.Message);
        ulong bias = running.Target.Executable.LoadBias;
        Assert.Contains($"same+0x{second - bias:x}", error.Message);
        Assert.Equal((second, "fill"), (Resolve(running, $"same+0x{second - bias:x}").Address, Resolve(running, $"same!+0x{second - bias:x}").Name));
        Assert.Equal(PatchErrorId.SymbolNotFound, Assert.Throws<PatchException>(() => Resolve(running, "fill~3")).Id);
    }

    [Theory]
    [InlineData("-pie")]
    [InlineData("-no-pie")]
    public void An_address_of_a_stripped_program_is_a_function_of_the_size_that_its_unwind_tables_tell(string how)
    {
        _sources.With("bare.c", "#include <stdio.h>\n#include <unistd.h>\n__attribute__((noipa)) static int work(int x) { if (x > 9) puts(\"more\"); return x * 3; }\n"
            + $"long data[4] = {{ 1, 2, 3, 4 }};\nint main() {{ work((int)data[1]); {SleepingProgram.Sleep} }}").Run("gcc", $"-O2 {how} -o bare bare.c");
        ulong value, size, data;
        using (Pannus.Elf.ElfImage image = Pannus.Elf.ElfImage.OpenFile(_sources["bare"]))
        {
            (value, size) = image.SymbolTable.Where(s => s.Name == "work").Select(s => (s.Value, s.Size)).Single();
            data = image.SymbolTable.Single(s => s.Name == "data").Value;
        }
        _sources.Run("strip", "bare");
        using SleepingProgram running = new(_sources["bare"]);
        ResolvedSymbol found = Resolve(running, $"bare+0x{value:x}");
        Assert.Equal((running.Target.Executable.LoadBias + value, size, SymbolType.Function, SymbolSource.UnwindTable),
            (found.Address, found.Size, found.Type, found.Source));
        Assert.Contains("middle of a function", Assert.Throws<PatchException>(() => Resolve(running, $"bare+0x{value + 2:x}")).Message);
        Assert.Contains("no segment", Assert.Throws<PatchException>(() => Resolve(running, "bare+0x7fffffff")).Message);
        Assert.Equal((SymbolType.None, 0ul), (Resolve(running, $"bare+0x{data:x}").Type, Resolve(running, $"bare+0x{data:x}").Size));
        Assert.Contains("The program is stripped", Assert.Throws<PatchException>(() => Resolve(running, "work")).Message);
        Assert.DoesNotContain("The program is stripped", Assert.Throws<PatchException>(() => Resolve(running, "libnone.so!work")).Message);
    }

    [Fact]
    public void A_library_is_given_its_own_symbol_file()
    {
        _sources.With("plug.c", "__attribute__((noipa)) static int hidden(int x) { return x + 1; } int plug(int x) { return hidden(x); }")
            .With("main.c", $"#include <stdio.h>\n#include <unistd.h>\nint plug(int); int main() {{ plug(1); {SleepingProgram.Sleep} }}")
            .Run("gcc", "-O2 -shared -fPIC -Wl,-Map=plug.map -o libplug.so plug.c").Run("cp", "libplug.so plug.full").Run("strip", "libplug.so")
            .Run("gcc", "-O2 -o user main.c -L. -lplug -Wl,-rpath,.").With("go", "");
        using SleepingProgram running = new(_sources["user"], _sources.Folder);
        PatchException error = Assert.Throws<PatchException>(() => Resolve(running, "libplug.so!hidden"));
        Assert.Contains("libplug.so is stripped: give -SymbolFile libplug.so=FILE", error.Message);
        var options = new ResolverOptions { SymbolFiles = [new ModuleFile("libplug.so", _sources["plug.full"])] };
        ResolvedSymbol found = new SymbolResolver(running.Target, options).Resolve("hidden");
        Assert.Equal(("libplug.so", SymbolSource.DebugFile), (found.Module, found.Source));
        options = new ResolverOptions { SymbolFiles = [new ModuleFile("libother.so", _sources["plug.full"])] };
        Assert.Contains("no module libother.so", Assert.Throws<PatchException>(() => new SymbolResolver(running.Target, options)).Message);
    }

    private string Twins() => _sources.With("lib.c", "__attribute__((noipa)) int lib_answer(int x) { return x + N; }").With("v1/x", "").With("v2/x", "")
        .Run("gcc", "-O2 -DN=1 -shared -fPIC -o v1/libdup.so lib.c").Run("gcc", "-O2 -DN=2 -shared -fPIC -o v2/libdup.so lib.c")
        .With("main.c", "#include <dlfcn.h>\n#include <stdio.h>\n#include <unistd.h>\nint main() { "
            + $"dlopen(\"{_sources["v1/libdup.so"]}\", RTLD_NOW); dlopen(\"{_sources["v2/libdup.so"]}\", RTLD_NOW); {SleepingProgram.Sleep} }}")
        .Run("gcc", "-O2 -o twins main.c")["twins"];

    private static ResolvedSymbol Resolve(SleepingProgram running, string name) => new SymbolResolver(running.Target).Resolve(name);
}
