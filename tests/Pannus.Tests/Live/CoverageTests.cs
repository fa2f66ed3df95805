using System.Diagnostics;
using Pannus.Core;
using Pannus.Fleet;
using Pannus.Images;
using Pannus.LivePatches;
using Pannus.Targets;
using Pannus.Tests.Support;

namespace Pannus.Tests.Live;

/// <summary>What of a function's code a patch does not reach is said, and clones that are called alike are replaced, too.</summary>
public sealed class CoverageTests : IDisposable
{
    // gcc -O3 makes work.constprop.0 for the call with a constant.
    private const string Program = """
        #include <stdio.h>
        #include <unistd.h>
        int offset = 100;
        __attribute__((noinline)) int work(int x)
        {
            int r = x * 2;
            __asm__ volatile("" : "+r"(r));
            if (r < 0) { fprintf(stderr, "negative %d\n", r); r = -r; }
            return r + offset;
        }
        static inline __attribute__((always_inline)) int small(int x) { return x * 3 + offset; }
        __attribute__((noipa)) int user(int x) { return small(x) + 1; }
        int (*volatile pointer)(int) = small;
        __attribute__((noipa)) int alone(int x) { return x + offset; }
        int main(int argc, char **argv) { (void)argv; setvbuf(stdout, 0, _IOLBF, 0);
            for (;;) { printf("%d %d %d %d %d\n", work(argc), work(5), user(argc), pointer(argc), alone(argc)); usleep(10000); } }
        """;

    private readonly Sources _sources = new();

    public void Dispose() => _sources.Dispose();

    [Theory]
    [InlineData("-O3")]
    [InlineData("-O3 -g")]
    [InlineData("-O3 -g -gdwarf-4 -gz")]
    [InlineData("-O3 -g -m32")]
    public void A_clone_that_stays_old_is_named_and_strict_refuses_it(string flags)
    {
        using TargetProgram program = Start(flags);
        LivePatchResult plan = Plan(program, "J work plug", flags).Result;
        Assert.True(plan.IsPartial);
        Assert.Contains("work.constprop.0", plan.Coverage);
        PatchException error = Patching.Refused(program, () => Plan(program, "J work plug", flags, isStrict: true));
        Assert.Equal(PatchErrorId.CoverageIncomplete, error.Id);
        Assert.Contains("work.constprop.0", error.Message);
    }

    [Fact]
    public void A_function_without_copies_is_whole_and_strict_takes_it()
    {
        using TargetProgram program = Start("-O2 -g");
        LivePatchPlan plan = Plan(program, "J alone plug", "-O2", isStrict: true);
        Assert.Equal(("whole", false), (plan.Result.Coverage, plan.Result.IsPartial));
        Assert.Equal("whole", Assert.Single(plan.Writes, w => w.Symbol == "alone").Coverage);
    }

    [Fact]
    public void A_copy_that_was_inlined_is_named_by_the_function_that_has_it()
    {
        using TargetProgram program = Start("-O2 -g");
        LivePatchResult plan = Plan(program, "J small plug", "-O2").Result;
        Assert.Contains("user (has it inlined", plan.Coverage);
        using TargetProgram bare = Start("-O2 -g0");
        Assert.Contains("debug information", Plan(bare, "J small plug", "-O2").Result.Coverage);
        // Where that function is replaced as well, nothing stays old.
        Assert.Equal("whole", Plan(program, "J small plug\nJ user plug", "-O2").Result.Coverage);
    }

    [Theory]
    [InlineData("")]
    [InlineData("-gz=zlib")]
    [InlineData("-gdwarf-4")]
    public void Functions_that_the_linker_has_folded_change_together(string flags)
    {
        _sources.With("fold.c", """
            #include <stdio.h>
            #include <unistd.h>
            int offset = 100;
            __attribute__((noinline)) int one(int x) { int s = 0; for (int i = 0; i < x; i++) s += (x ^ i) * 77 + offset; return s; }
            __attribute__((noinline)) int two(int x) { int s = 0; for (int i = 0; i < x; i++) s += (x ^ i) * 77 + offset; return s; }
            int main(int c, char **v) { (void)v; setvbuf(stdout, 0, _IOLBF, 0); for (;;) { printf("%d %d\n", one(c), two(c)); usleep(10000); } }
            """).Run("gcc", $"-O2 -g {flags} -fno-ipa-icf -ffunction-sections -fuse-ld=lld -Wl,--icf=all -o fold fold.c");
        using TargetProgram program = Ready(TargetProgram.Start(_sources["fold"]));
        LivePatchResult plan = Plan(program, "J one plug", "-O2").Result;
        Assert.True(plan.IsPartial, plan.Coverage);
        Assert.Contains("changes two as well", plan.Coverage);
    }

    [Fact]
    public void A_function_of_another_file_that_has_the_name_of_a_clone_is_none()
    {
        _sources.With("renamed.c", """
            #include <stdio.h>
            #include <unistd.h>
            __attribute__((noipa)) int work(int x) { return x * 2; }
            int again(int x) __asm__("work.lto_priv.0");
            int main(int c, char **v) { (void)v; setvbuf(stdout, 0, _IOLBF, 0); for (;;) { printf("%d %d\n", work(c), again(c)); usleep(10000); } }
            """).With("again.c", "__attribute__((noipa)) int work(int x) { return x * 2; }")
            .Run("gcc", "-O2 -g -c -o again.o again.c").Run("objcopy", "--redefine-sym work=work.lto_priv.0 again.o")
            .Run("gcc", "-O2 -g -o renamed renamed.c again.o");
        // Another file's function of that name is none of its copies.
        using TargetProgram program = Ready(TargetProgram.Start(_sources["renamed"]));
        LivePatchPlan plan = Plan(program, "J work plug", "-O2");
        Assert.DoesNotContain(plan.Writes, w => w.Symbol == "work.lto_priv.0");
    }

    [Fact]
    public void The_family_of_a_process_is_all_that_descends_from_it()
    {
        _sources.With("tree.c", "#include <stdio.h>\n#include <unistd.h>\nint main() { setvbuf(stdout, 0, _IOLBF, 0); if (!fork()) { printf(\"child %d\\n\", getpid());"
            + " if (!fork()) { printf(\"grandchild %d\\n\", getpid()); pause(); } pause(); } pause(); }").Run("gcc", "-O2 -o tree tree.c");
        using TargetProgram program = TargetProgram.Start(_sources["tree"]);
        int[] born = [.. Enumerable.Range(0, 2).Select(_ => int.Parse(program.NextLine().Split(' ')[1]))];
        try
        {
            IReadOnlyList<int> family = TargetFamily.Of(program.Id);
            Assert.Equal(program.Id, family[0]);
            Assert.Equal(born.Order(), family.Skip(1).Order());
            Assert.True(ModuleUsers.IsMapped(born[0], "libc.so.6"));
            Assert.True(ModuleUsers.IsMapped(born[0], "tree"));
            Assert.False(ModuleUsers.IsMapped(born[0], "libnone.so.1"));
        }
        finally
        {
            foreach (int id in born) Process.GetProcessById(id).Kill();
        }
    }

    [Fact]
    public void Whatever_is_wrong_with_a_process_that_has_exited_is_that_it_has_exited()
    {
        using TargetProgram program = Start("-O2");
        using TargetProcess target = TargetProcess.Open(program.Id);
        var error = new PatchException(PatchErrorId.JournalDamaged, "Something writes over it.");
        Assert.Same(error, target.Explain(error));
        program.Signal("KILL");
        SpinWait.SpinUntil(() => !target.IsAlive, TargetProgram.Patience);
        Assert.Equal(PatchErrorId.TargetNotFound, target.Explain(error).Id);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Threads_of_io_uring_hinder_neither_patch_nor_undo(int how)
    {
        // By bare system calls: no library is needed. 0: no thread, 1: one that polls, 2: a worker that waits for ever.
        _sources.With("ring.c", """
            #include <linux/io_uring.h>
            #include <stdio.h>
            #include <stdlib.h>
            #include <sys/mman.h>
            #include <sys/syscall.h>
            #include <unistd.h>
            int offset = 100;
            __attribute__((noipa)) int alone(int x) { return x + offset; }
            int main(int argc, char **argv)
            {
                int how = argc > 1 ? atoi(argv[1]) : 0, pipes[2];
                static char buffer[64];
                struct io_uring_params p = { .flags = how == 1 ? IORING_SETUP_SQPOLL : 0 };
                setvbuf(stdout, 0, _IOLBF, 0);
                int ring = syscall(SYS_io_uring_setup, 8, &p);
                if (how && (ring < 0 || pipe(pipes))) { puts("none"); return 1; }
                if (how == 2) {
                    char *s = mmap(0, p.sq_off.array + p.sq_entries * 4, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING);
                    struct io_uring_sqe *q = mmap(0, p.sq_entries * sizeof *q, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQES);
                    q[0] = (struct io_uring_sqe){ .opcode = IORING_OP_READ, .fd = pipes[0], .addr = (unsigned long)buffer, .len = 64, .flags = IOSQE_ASYNC };
                    ((unsigned *)(s + p.sq_off.array))[0] = 0;
                    __atomic_store_n((unsigned *)(s + p.sq_off.tail), 1, __ATOMIC_RELEASE);
                    syscall(SYS_io_uring_enter, ring, 1, 0, 0, 0, 0);
                }
                for (;;) { printf("%d\n", alone(1)); usleep(10000); }
            }
            """).Run("gcc", "-O2 -o ring ring.c");
        using TargetProgram program = TargetProgram.Start(_sources["ring"], $"{how}");
        if (program.WaitFor(l => l is "101" or "none") == "none") return; // A kernel without io_uring, or that forbids it.
        Assert.Equal(how == 0 ? 1 : 2, Directory.GetDirectories($"/proc/{program.Id}/task").Length);
        Assert.Equal(LivePatchStatus.Applied, Patching.Apply(program, Plug("-O2"), "J alone plug").Status);
        program.WaitFor("5001");
        Assert.Equal(UndoStatus.Undone, Patching.UndoNewest(program.Id).Status);
        program.WaitFor("101");
    }

    private TargetProgram Start(string flags)
    {
        string name = "clones" + string.Concat(flags.Where(char.IsAsciiLetterOrDigit));
        return Ready(TargetProgram.Start(_sources.With("clones.c", Program).Run("gcc", $"{flags} -o {name} clones.c")[name]));
    }

    // Before its first line it is still the shell that starts it.
    private static TargetProgram Ready(TargetProgram program)
    {
        program.NextLine();
        return program;
    }

    private string Plug(string flags)
    {
        string machine = flags.Contains("-m32") ? "-m32" : "";
        return Gcc.Compile("int plug(int x) { return x + 5000; }", $"-O2 -shared -fPIC {machine}", "plug.so");
    }

    private LivePatchPlan Plan(TargetProgram program, string commands, string flags, bool isStrict = false)
    {
        using TargetProcess target = TargetProcess.Open(program.Id);
        using PatchFile file = PatchFile.Open(Plug(flags));
        return LivePatch.Plan(target, Patching.Request(file, commands) with { IsStrict = isStrict });
    }
}
