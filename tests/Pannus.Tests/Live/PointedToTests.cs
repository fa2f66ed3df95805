using Pannus.Applying;
using Pannus.Core;
using Pannus.LivePatches;
using Pannus.Tests.Support;

namespace Pannus.Tests.Live;

/// <summary>A patch stays mapped as long as the program may come back to it, wherever it keeps the way.</summary>
public abstract class PointedToTests(string machine)
{
    // "keep HOW" has the function hand out a callback and keeps it; "call" calls it; "drop" forgets it.
    private const string Program = """
        #define _GNU_SOURCE
        #include <setjmp.h>
        #include <stdlib.h>
        #include <sys/mman.h>
        #include "target.h"
        typedef int (*callback)(void);
        static int old(void) { return 1; }
        PATCHABLE callback hand_out(void) { callback c = old; OPAQUE(c); return c; }
        static int at_exit_only(void) { return 0; }
        PATCHABLE int keep_exit(void) { int (*f)(void) = at_exit_only; OPAQUE(f); return 0; }
        static unsigned char *block;
        static callback *slot;
        static int is_code;
        enum { SIZE = 1 << 20 };
        static unsigned char *map(int flags) { return mmap(0, SIZE, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1, 0); }
        static void keep(const char *how)
        {
            int shared = !strcmp(how, "shared");
            block = map(shared ? MAP_SHARED : MAP_PRIVATE);
            memset(block, 1, SIZE);
            if (!strcmp(how, "guard") && madvise(block, 4096, 102 /* MADV_GUARD_INSTALL */)) printf("unguarded\n");
            slot = (callback *)(block + 8192);
            *slot = hand_out();
            if (!strcmp(how, "readonly")) mprotect(block, SIZE, PROT_READ);
            if (!strcmp(how, "none")) mprotect(block, SIZE, PROT_NONE);
            if ((is_code = !strcmp(how, "code"))) {
                static const unsigned char jump[] = { 0x90, 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xe0 };
                memcpy(block, jump, sizeof jump);
                memcpy(block + 3, slot, sizeof *slot);
                *slot = 0;
                mprotect(block, SIZE, PROT_READ | PROT_EXEC);
            }
        }
        int main(void)
        {
            target_ready();
            for (const char *command; (command = next_command());) {
                if (!strncmp(command, "keep ", 5)) { keep(command + 5); printf("kept\n"); }
                else if (!strcmp(command, "drop")) { munmap(block, SIZE); printf("dropped\n"); }
                else if (!strcmp(command, "exit")) { keep_exit(); printf("kept\n"); }
                else if (!strcmp(command, "call")) {
                    if (is_code) printf("callback %d\n", ((callback)block)());
                    else { mprotect(block + 4096, SIZE - 4096, PROT_READ | PROT_WRITE); printf("callback %d\n", (*slot)()); }
                }
            }
            return 0;
        }
        """;

    // The second keeps its own way in one of libc's lists, which hide it.
    private const string Patch = """
        #include <stdio.h>
        int on_exit(void (*)(int, void *), void *);
        static int callback(void) { return 100; }
        int (*new_hand_out(void))(void) { return callback; }
        static void last(int status, void *unused) { (void)status; (void)unused; puts("last words"); fflush(stdout); }
        int new_keep_exit(void) { return on_exit(last, 0); }
        """;

    [Theory]
    [InlineData("ordinary")]
    [InlineData("guard")]
    [InlineData("readonly")]
    [InlineData("none")]
    [InlineData("shared")]
    [InlineData("code")]
    public void A_callback_that_it_has_handed_out_keeps_it(string how)
    {
        if (how == "code" && machine == Machine.IA32) return; // The program writes code for 64 bits.
        using TargetProgram program = Start();
        _ = Patching.Apply(program, PatchFile, "name p\nJ hand_out new_hand_out");
        program.Say($"keep {how}");
        _ = program.WaitFor("kept");
        UndoResult undone = Patching.Undo(program, "p");
        Assert.Equal(UndoStatus.Retained, undone.Status);
        // Looked at, and as it was.
        Assert.Equal(UndoStatus.Retained, Patching.Undo(program, "p").Status);
        program.Say("call");
        Assert.Equal("callback 100", program.NextLine());
        program.Say("drop");
        _ = program.WaitFor("dropped");
        Assert.Equal(UndoStatus.Undone, Patching.Undo(program, "p").Status);
    }

    [Fact]
    public void What_the_C_library_hides_keeps_it_too()
    {
        using TargetProgram program = Start();
        _ = Patching.Apply(program, PatchFile, "name p\nJ keep_exit new_keep_exit");
        program.Say("exit");
        _ = program.WaitFor("kept");
        Assert.Equal(UndoStatus.Retained, Patching.Undo(program, "p").Status);
        program.Say("quit");
        Assert.Equal("last words", program.NextLine());
    }

    [Theory]
    [InlineData("")]
    [InlineData("guard")]
    public void A_coroutine_behind_a_page_that_cannot_be_read_is_found(string how)
    {
        const string coroutine = """
            #define _GNU_SOURCE
            #include <stdlib.h>
            #include <sys/mman.h>
            #include <ucontext.h>
            #include "target.h"
            static ucontext_t outside, inside;
            PATCHABLE int work(int x) { OPAQUE(x); swapcontext(&inside, &outside); OPAQUE(x); return x + 1; }
            static void run(void) { printf("value %d\n", work(1)); }
            int main(int c, char **v)
            {
                char *block = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                if (c > 1 && v[1][0] && madvise(block, 4096, 102)) printf("unguarded\n");
                getcontext(&inside);
                inside.uc_stack.ss_sp = block + 65536;
                inside.uc_stack.ss_size = 65536;
                inside.uc_link = &outside;
                makecontext(&inside, run, 0);
                swapcontext(&outside, &inside);
                target_ready();
                next_command();
                swapcontext(&outside, &inside);
                return 0;
            }
            """;
        string path = Gcc.Compile(coroutine, $"-O2 {machine} -I{Path.Combine(Built.Repository, "tests/targets")}", "coroutine");
        using TargetProgram program = TargetProgram.Start(path, how);
        _ = program.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal));
        string patch = Gcc.Compile("int new_work(int x) { return x; }", $"-O2 -shared -fPIC {machine}", "work.so");
        var options = new WriteOptions { ScanMemory = true, Timeout = TimeSpan.FromMilliseconds(200) };
        PatchException error = Patching.Refused(program, () => Patching.Apply(program, patch, "J work new_work", options: options));
        Assert.Equal(PatchErrorId.FunctionActive, error.Id);
        program.Say("go");
        Assert.Equal("value 2", program.NextLine());
    }

    private string PatchFile => Gcc.Compile(Patch, $"-O2 -shared -fPIC -nostartfiles {machine}", "callback.so");

    private TargetProgram Start()
    {
        string path = Gcc.Compile(Program, $"-O2 {machine} -I{Path.Combine(Built.Repository, "tests/targets")}", "callbacks");
        TargetProgram program = TargetProgram.Start(path);
        _ = program.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal));
        return program;
    }
}

/// <summary>The same for 64-bit programs.</summary>
public sealed class X64PointedToTests() : PointedToTests(Machine.X64);

/// <summary>The same for 32-bit programs.</summary>
public sealed class IA32PointedToTests() : PointedToTests(Machine.IA32);
