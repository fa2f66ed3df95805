using Pannus.Applying;
using Pannus.Core;
using Pannus.Fleet;
using Pannus.LivePatches;
using Pannus.Tests.Support;

namespace Pannus.Tests.Live;

/// <summary>Patches are taken back, alone and from under one another, and nothing is left of them.</summary>
public abstract class UndoTests(string machine)
{
    // Answers "value" with what a function gives, a variable holds and a pointer leads to; "copy" copies the pointer to the heap, "drop" forgets
    // that; "set" changes the variable; "enter" sends a thread through the function, which comes back at "leave".
    private const string Program = """
        #include <pthread.h>
        #include <stdlib.h>
        #include "target.h"
        static const int number = 1;
        const int *volatile pointer = &number;
        volatile int limit = 1, gate;
        const int **volatile kept;
        PATCHABLE int version(void) { int v = 100; OPAQUE(v); return v; }
        static void *enter(void *unused) { version(); return unused; }
        int main(void)
        {
            pthread_t thread;
            target_ready();
            for (const char *command; (command = next_command());) {
                if (!strcmp(command, "copy")) { kept = malloc(sizeof *kept); *kept = pointer; }
                if (!strcmp(command, "drop")) { *kept = 0; }
                if (!strcmp(command, "set")) limit = 77;
                if (!strcmp(command, "enter")) { gate = 1; pthread_create(&thread, 0, enter, 0); while (gate == 1) usleep(100); }
                if (!strcmp(command, "leave")) { gate = 0; pthread_join(thread, 0); }
                if (!strcmp(command, "value")) printf("value %d %d %d\n", version(), limit, *pointer);
                else printf("done\n");
            }
        }
        """;

    private const string Commands = "J version plug\nV limit 02000000\nP pointer plug_number";

    [Fact]
    public void Leaves_the_process_as_it_was_before_the_patch()
    {
        using TargetProgram program = Start();
        string before = program.SettledFingerprint();
        LivePatchResult applied = Patching.Apply(program, Patch(200), Commands);
        Assert.Equal("value 200 2 200", Value(program));
        UndoResult result = Patching.Undo(program, applied.LivePatchId);
        AssertUndone(result);
        Assert.Equal((3, applied.LivePatchId), (result.Writes, result.LivePatchId));
        Assert.True(result.Attempts >= 1 && result.Pause > TimeSpan.Zero);
        Assert.Equal("value 100 1 1", Value(program));
        AssertNothingIsLeft(program, before);
    }

    [Fact]
    public void Three_patches_of_one_function_are_undone_from_the_middle()
    {
        using TargetProgram program = Start();
        string before = program.SettledFingerprint();
        foreach (int value in (int[])[200, 300, 400]) _ = Patching.Apply(program, Patch(value), $"name {value}\nJ version plug\nP pointer plug_number");
        Assert.Equal("value 400 1 400", Value(program));
        Assert.Equal(["200", "300", "400"], Patching.Get(program).Select(p => p.Patch));
        UndoResult middle = Patching.Undo(program, "300");
        AssertUndone(middle);
        Assert.Equal(0, middle.Writes);
        Assert.Equal("value 400 1 400", Value(program));
        _ = Patching.Undo(program, "400");
        Assert.Equal("value 200 1 200", Value(program));
        _ = Patching.Undo(program, "200");
        Assert.Equal("value 100 1 1", Value(program));
        AssertNothingIsLeft(program, before);
    }

    [Theory]
    [InlineData("1234", "value 100 1 1")]
    [InlineData("4321", "value 100 1 1")]
    [InlineData("2143", "value 100 1 1")]
    [InlineData("3142", "value 100 1 1")]
    public void Patches_that_overlap_in_part_are_undone_in_any_order(string order, string end)
    {
        using TargetProgram program = Start();
        string before = program.SettledFingerprint();
        string[] commands = ["V limit 05060708", "V limit+1 0900", "V limit+0 0c0d\nJ version plug", "V limit+1 0e0f10"];
        for (int i = 0; i < commands.Length; i++) _ = Patching.Apply(program, Patch(200), $"name {i + 1}\n{commands[i]}");
        Assert.Equal($"value 200 {0x100f0e0c} 1", Value(program));
        foreach (char patch in order) _ = Patching.Undo(program, patch.ToString());
        Assert.Equal(end, Value(program));
        AssertNothingIsLeft(program, before);
    }

    [Fact]
    public void Refuses_to_lose_a_value_that_the_program_has_changed_unless_it_is_forced()
    {
        using TargetProgram program = Start();
        _ = Patching.Apply(program, Patch(200), "name x\n" + Commands);
        Do(program, "set");
        PatchException error = Patching.Refused(program, () => Patching.Undo(program, "x"));
        Assert.Equal(PatchErrorId.ValueChanged, error.Id);
        Assert.Contains("4d000000", error.Message);
        Assert.Contains("02000000", error.Message);
        Assert.Equal("value 200 77 200", Value(program));
        Assert.Equal(LivePatchState.Applied, Assert.Single(Patching.Get(program)).State);
        AssertUndone(Patching.Undo(program, "x", force: true));
        Assert.Equal("value 100 1 1", Value(program));
    }

    [Fact]
    public void Keeps_memory_that_a_copied_pointer_leads_to_until_that_is_gone()
    {
        using TargetProgram program = Start();
        string before = program.SettledFingerprint();
        _ = Patching.Apply(program, Patch(200), "name x\n" + Commands);
        Do(program, "copy");
        UndoResult result = Patching.Undo(program, "x");
        Assert.Equal(UndoStatus.Retained, result.Status);
        Assert.Equal("value 100 1 1", Value(program));
        result = Patching.Undo(program, "x");
        Assert.Equal(UndoStatus.Retained, result.Status);
        Assert.Contains("looks like a pointer", result.Message);
        Assert.Equal(LivePatchState.Retained, Assert.Single(Patching.Get(program)).State);
        Assert.Equal(0, TargetCatalog.Get(program.Id).LivePatches);
        Do(program, "drop");
        AssertUndone(Patching.Undo(program, "x"));
        AssertNothingIsLeft(program, before);
    }

    [Fact]
    public void Refuses_while_a_thread_is_inside_the_patch_and_succeeds_once_it_has_left()
    {
        using TargetProgram program = Start();
        string source = "extern volatile int gate; extern int usleep(unsigned); int plug(void) { gate = 2; while (gate == 2) usleep(1000); return 200; }";
        _ = Patching.Apply(program, Gcc.Compile(source, machine + " -shared -fPIC -O2", "enter.so"), "name x\nJ version plug");
        Do(program, "enter");
        var options = new WriteOptions { Timeout = TimeSpan.FromSeconds(0.2) };
        PatchException error = Patching.Refused(program, () => Patching.Undo(program, "x", options: options));
        Assert.Equal(PatchErrorId.FunctionActive, error.Id);
        Assert.Equal(LivePatchState.Applied, Assert.Single(Patching.Get(program)).State);
        Do(program, "leave");
        // The C library keeps the stack of a thread that has ended, and in a 32-bit program, on it, what was there.
        AssertUndone(Patching.Undo(program, "x"));
        Assert.Equal("value 100 1 1", Value(program));
    }

    // On the stacks of a 32-bit program, words are left that look like addresses in the patch, so that it may be kept mapped.
    private void AssertUndone(UndoResult result)
    {
        if (machine == Machine.IA32 && result.Status == UndoStatus.Retained) Assert.Matches("looks like a pointer|may be inside it", result.Message);
        else Assert.Equal(UndoStatus.Undone, result.Status);
    }

    // When the program has done something else, most of them are gone.
    private void AssertNothingIsLeft(TargetProgram program, string before)
    {
        for (int i = 0; i < 5 && machine == Machine.IA32; i++)
        {
            foreach (LivePatchInfo patch in Patching.Get(program)) AssertUndone(Patching.Undo(program, patch.Address));
            _ = Value(program);
        }
        IReadOnlyList<LivePatchInfo> left = Patching.Get(program);
        if (machine == Machine.X64) Assert.Empty(left);
        Assert.DoesNotContain(left, p => p.State != LivePatchState.Retained);
        if (left.Count == 0) Assert.Equal(before, program.Fingerprint());
    }

    private string Patch(int value) => Gcc.Compile(
        $"int plug(void); int plug(void) {{ return {value}; }} int plug_number = {value};", $"{machine} -shared -fPIC -O2 -Wl,--build-id=none", $"undo{value}.so");

    private TargetProgram Start()
    {
        TargetProgram program = TargetProgram.Start(Gcc.Compile(Program, $"{machine} -O2 -pthread -I{Built.Repository}/tests/targets", "undone"));
        _ = program.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal));
        return program;
    }

    private static string Value(TargetProgram program)
    {
        program.Say("value");
        return program.NextLine();
    }

    private static void Do(TargetProgram program, string command)
    {
        program.Say(command);
        Assert.Equal("done", program.NextLine());
    }
}

public sealed class X64UndoTests() : UndoTests(Machine.X64);

public sealed class IA32UndoTests() : UndoTests(Machine.IA32);
