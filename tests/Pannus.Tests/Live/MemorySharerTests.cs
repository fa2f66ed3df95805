using Pannus.Applying;
using Pannus.Core;
using Pannus.Tests.Support;

namespace Pannus.Tests.Live;

/// <summary>A process that runs in the target's memory, without being a thread or a child of it, is seen.</summary>
public sealed class MemorySharerTests
{
    // "orphan": a grandchild shares the memory, and belongs to whoever adopted it. "parent": the program that is named is itself
    // the child, and the parent works in the same memory. Prints "target PID" and "sharer PID"; both call work.
    private const string Program = """
        #define _GNU_SOURCE
        #include <sched.h>
        #include <stdlib.h>
        #include <sys/mman.h>
        #include <sys/prctl.h>
        #include <sys/syscall.h>
        #include <sys/wait.h>
        #include <time.h>
        #include "target.h"
        static volatile int sum, sharer;
        PATCHABLE int work(int x) { struct timespec t = { 0, 1000000 }; OPAQUE(x); nanosleep(&t, 0); return x + 1; }
        static int run(void *unused) { (void)unused; sharer = syscall(SYS_getpid); for (;;) sum += work(1); }
        static int adopt(void *stack) { clone(run, stack, CLONE_VM | SIGCHLD, 0); return 0; }
        static int wait_here(void *unused) { (void)unused; sharer = syscall(SYS_getpid); for (;;) pause(); }
        int main(int c, char **v)
        {
            char *stack = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            int is_parent = c > 1 && !strcmp(v[1], "parent");
            target_ready();
            int id = clone(is_parent ? wait_here : adopt, stack + (1 << 20), CLONE_VM | SIGCHLD, stack + (1 << 19));
            if (!is_parent) waitpid(id, 0, 0);
            while (!sharer) usleep(100);
            printf("target %d\n", is_parent ? id : getpid());
            printf("sharer %d\n", is_parent ? getpid() : sharer);
            if (is_parent) run(0);
            next_command();
            kill(sharer, SIGKILL);
        }
        """;

    private static readonly WriteOptions s_soon = new() { Timeout = TimeSpan.FromMilliseconds(300) };

    [Theory]
    [InlineData("orphan")]
    [InlineData("parent")]
    public void It_is_named_and_nothing_changes(string kind)
    {
        string path = Gcc.Compile(Program, $"-O2 -I{Path.Combine(Built.Repository, "tests/targets")}", "sharer");
        string patch = Gcc.Compile("int new_work(int x) { return x + 100; }", "-O2 -shared -fPIC", "work.so");
        using TargetProgram program = TargetProgram.Start(path, kind);
        int target = IdOf(program, "target"), sharer = IdOf(program, "sharer");
        try
        {
            PatchException error = Assert.Throws<PatchException>(() => Patching.Apply(target, patch, "J work new_work", options: s_soon));
            Assert.Equal(PatchErrorId.StopTimeout, error.Id);
            Assert.Contains($"process {sharer} shares its memory", error.Message);
            Assert.DoesNotContain("memfd:pannus", File.ReadAllText($"/proc/{target}/maps"));
            Assert.True(Directory.Exists($"/proc/{sharer}") && Directory.Exists($"/proc/{target}"));
        }
        finally
        {
            Built.Run("kill", "-KILL", $"{(kind == "parent" ? target : sharer)}");
        }
    }

    private static int IdOf(TargetProgram program, string name) =>
        int.Parse(program.WaitFor(l => l.StartsWith(name, StringComparison.Ordinal)).Split(' ')[1]);
}
