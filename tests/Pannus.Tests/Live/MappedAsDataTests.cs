using Pannus.LivePatches;
using Pannus.Targets;
using Pannus.Tests.Support;

namespace Pannus.Tests.Live;

/// <summary>A file that a program has mapped as data, too, is found where it is loaded.</summary>
public sealed class MappedAsDataTests
{
    // Maps pieces of files, "FILE OFFSET LENGTH RIGHTS" each, below what is loaded, where the kernel puts them.
    private const string Program = """
        #include <fcntl.h>
        #include <stdlib.h>
        #include <sys/mman.h>
        #include "target.h"
        int lib_answer(int);
        PATCHABLE int answer(int x) { OPAQUE(x); x ^= 3; OPAQUE(x); return (x ^ 3) * 2; }
        int main(int c, char **v)
        {
            for (int i = 1; i + 3 < c; i += 4)
                if (mmap(0, atoi(v[i + 2]), atoi(v[i + 3]), MAP_PRIVATE, open(v[i], O_RDONLY), atoi(v[i + 1])) == MAP_FAILED) return 1;
            target_ready();
            while (next_command()) printf("value %d %d\n", answer(20), lib_answer(20));
        }
        """;

    private const string Library = """
        int lib_limit = 5;
        const int lib_constant = 7;
        __attribute__((noipa)) int lib_answer(int x) { return x + lib_limit; }
        """;

    private const string Patch = """
        #include <stdio.h>
        int answer_new(int x) { puts("patched"); return x * 1000; }
        int lib_answer_new(int x) { return x * 1000; }
        """;

    private static readonly string s_library = Gcc.Compile(Library, "-O2 -shared -fPIC -Wl,-soname,libanswer.so", "libanswer.so");
    private static readonly string s_program = Gcc.Compile(Program,
        $"-O2 -I{Path.Combine(Built.Repository, "tests/targets")} -Wl,-rpath,{Path.GetDirectoryName(s_library)} "
        + $"-L{Path.GetDirectoryName(s_library)} -Wl,--no-as-needed -lanswer", "mapped");
    private static readonly string s_patch = Gcc.Compile(Patch, "-O2 -shared -fPIC", "mapped.so");

    // Whole; its first page; its first two pages; the code as code; and no more than the variables.
    public static TheoryData<string> Pieces => ["0 16000 1", "0 4096 1", "0 8192 1", "4096 4096 5", "8192 4096 3"];

    [Theory]
    [MemberData(nameof(Pieces))]
    public void A_library_is_patched_where_it_is_loaded(string piece)
    {
        using TargetProgram program = Start(s_library, piece);
        _ = Patching.Apply(program, s_patch, "J lib_answer lib_answer_new\nJ answer answer_new");
        program.Say("value");
        Assert.Equal("patched", program.NextLine());
        Assert.Equal("value 20000 20000", program.NextLine());
    }

    [Theory]
    [MemberData(nameof(Pieces))]
    public void A_variable_of_it_is_that_of_the_code(string piece)
    {
        using TargetProgram program = Start(s_library, piece);
        _ = Patching.Apply(program, s_patch, "V lib_limit e8030000");
        program.Say("value");
        Assert.Equal("value 40 1020", program.NextLine());
        using TargetProcess target = TargetProcess.Open(program.Id);
        Assert.True(Assert.Single(LivePatchCatalog.Verify(target, new())).IsVerified);
    }

    [Theory]
    [MemberData(nameof(Pieces))]
    public void The_program_itself_is_no_other(string piece)
    {
        using TargetProgram program = Start(s_program, piece);
        _ = Patching.Apply(program, s_patch, "J answer answer_new");
        program.Say("value");
        Assert.Equal("patched", program.NextLine());
        Assert.Equal("value 20000 25", program.NextLine());
    }

    [Fact]
    public void The_C_library_as_data_leads_no_import_astray()
    {
        string libc = File.ReadLines("/proc/self/maps").First(l => l.EndsWith("/libc.so.6", StringComparison.Ordinal)).Split(' ')[^1];
        using TargetProgram program = Start(libc, $"0 {new FileInfo(libc).Length} 1");
        _ = Patching.Apply(program, s_patch, "J answer answer_new");
        program.Say("value");
        Assert.Equal("patched", program.NextLine());
        Assert.Equal("value 20000 25", program.NextLine());
    }

    private static TargetProgram Start(string file, string piece)
    {
        TargetProgram program = TargetProgram.Start(s_program, [file, .. piece.Split(' ')]);
        _ = program.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal));
        return program;
    }
}
