using System.Globalization;
using Pannus.Applying;
using Pannus.Core;
using Pannus.LivePatches;
using Pannus.Tests.Support;

namespace Pannus.Tests.Live;

/// <summary>The scenarios of tests/targets: each program says what it is about.</summary>
public abstract class ScenarioTests(string machine)
{
    // The machine may have other work to do.
    private static readonly WriteOptions s_patient = new() { Timeout = TimeSpan.FromSeconds(20) };

    // ./build.ps1 Soak asks for more.
    private static readonly int s_rounds = int.Parse(Environment.GetEnvironmentVariable("PANNUS_ROUNDS") ?? "120", CultureInfo.InvariantCulture);

    private readonly string[] _fast = Machine.Fast(machine);

    [Theory]
    [InlineData(1, 0)]
    [InlineData(16, 0)]
    [InlineData(256, 500)]
    public void Replaces_a_function_that_many_threads_call(int threads, int pauseMicroseconds)
    {
        using TargetProgram program = Start("threads", _fast, $"{threads}", $"{pauseMicroseconds}");
        LivePatchResult result = Apply(program, "threads");
        Assert.Equal(LivePatchStatus.Applied, result.Status);
        program.Say("value");
        Assert.Equal("value 3", program.WaitFor(l => l.StartsWith("value", StringComparison.Ordinal)));
        Assert.Equal("failed 0", Quit(program));
    }

    [Theory]
    [InlineData("-O2", "-static")]
    [InlineData("-O2 -fPIE", "-static-pie")]
    [InlineData("-O2 -fno-pie", "-no-pie")]
    [InlineData("-O0", "")]
    public void Replaces_functions_of_programs_linked_in_every_way(string flags, string link)
    {
        string[] variables = Machine.Fast(machine, flags, "LDFLAGS=" + link);
        using TargetProgram program = Start("threads", variables, "4");
        _ = Apply(program, "threads");
        program.Say("value");
        Assert.Equal("value 3", program.WaitFor(l => l.StartsWith("value", StringComparison.Ordinal)));
        Assert.Equal("failed 0", Quit(program));
    }

    [Theory]
    [InlineData("gcc")]
    [InlineData("clang")]
    public void Keeps_arguments_results_recursion_and_the_red_zone(string compiler)
    {
        // GNU ld does not link what clang makes of a call to an IFUNC for IA-32 otherwise.
        string flags = compiler == "clang" && machine == Machine.IA32 ? "-O2 -fPIC" : "-O2";
        using TargetProgram program = Start("arguments", Machine.Fast(machine, flags, "CC=" + compiler));
        string[] Values()
        {
            program.Say("value");
            return [.. Enumerable.Range(0, 7).Select(_ => program.NextLine())];
        }
        string[] before = Values();
        _ = Apply(program, "arguments");
        // Each of the seven shows that the new function ran; the program itself checks what it was given and gave back.
        Assert.All(before.Zip(Values()), v => Assert.NotEqual(v.First, v.Second));
        Thread.Sleep(200);
        Assert.Equal("failed 0", Quit(program));
    }

    [Fact]
    public void Replaces_functions_of_a_library_by_qualified_names()
    {
        using TargetProgram program = Start("library", _fast);
        _ = Apply(program, "library");
        program.Say("value");
        string[] values = [.. Enumerable.Range(0, 7).Select(_ => program.NextLine())];
        Assert.Equal(
            ["foo_value 1001", "foo_v@FOO_1 2001", "foo_v@@FOO_2 2002", "a.c:helper 3001", "b.c:helper 4202", "hidden 5001", "libfoo.so.1!hidden 5010"],
            values);
    }

    [Fact]
    public void Refuses_a_name_that_two_files_have_and_lists_both()
    {
        using TargetProgram program = Start("library", _fast);
        PatchException error = Patching.Refused(program, () =>
            Patching.Apply(program, Built.Target("patches/library.so", _fast), "alias b_counter b.c:counter\nJ helper helper_a_plug\n"));
        Assert.Equal(PatchErrorId.SymbolAmbiguous, error.Id);
        Assert.Contains("a.c:helper", error.Message);
        Assert.Contains("b.c:helper", error.Message);
    }

    [Theory]
    [InlineData("tls-ie")]
    [InlineData("tls-gd")]
    public void Reaches_thread_local_variables_of_program_and_library(string patch)
    {
        using TargetProgram program = Start("tls", _fast);
        string[] Values()
        {
            program.Say("value");
            return [.. Enumerable.Range(0, 4).Select(_ => program.WaitFor(l => l.StartsWith("tls ", StringComparison.Ordinal)))];
        }
        string[] before = Values();
        _ = Patching.Apply(program, Built.Target($"patches/{patch}.so", _fast), "J tls_sum tls_sum_plug");
        string[] after = Values();
        Assert.Equal(4, after.Length);
        // "tls I RESULT EXECUTABLE LIBRARY": the patch adds to what is in each thread's own variables.
        for (int i = 0; i < 4; i++)
        {
            int[] old = [.. before[i].Split(' ').Skip(1).Select(int.Parse)], now = [.. after[i].Split(' ').Skip(1).Select(int.Parse)];
            Assert.Equal(old[0], now[0]);
            Assert.NotEqual(old[1], now[1]);
        }
        Assert.Equal(after.Length, after.Distinct().Count());
    }

    [Theory]
    [InlineData("tls-new", "thread-local variables of its own")]
    [InlineData("tls-desc", "DESC")]
    public void Refuses_thread_locals_that_it_cannot_place(string patch, string reason)
    {
        using TargetProgram program = Start("tls", _fast);
        PatchException error = Patching.Refused(program, () =>
            Patching.Apply(program, Built.Target($"patches/{patch}.so", _fast), "J tls_sum tls_sum_plug"));
        Assert.Equal(PatchErrorId.RelocationUnsupported, error.Id);
        Assert.Contains(reason, error.Message);
    }

    [Fact]
    public void Calls_functions_behind_ifunc_symbols_that_nobody_has_bound()
    {
        using TargetProgram program = Start("ifunc", _fast);
        _ = Apply(program, "ifunc");
        _ = Apply(program, "ifunc-pick");
        program.Say("value");
        string measure = program.WaitFor(l => l.StartsWith("measure", StringComparison.Ordinal));
        Assert.NotEqual("measure -1", measure);
        Assert.True(int.Parse(measure.Split(' ')[1]) > 1000, measure);
        Assert.Equal("pick 1002", program.WaitFor(l => l.StartsWith("pick", StringComparison.Ordinal)));
    }

    [Fact]
    public void Replaces_a_function_of_a_library_of_the_system()
    {
        using TargetProgram program = Start("zlib", _fast);
        _ = Apply(program, "zlib");
        program.Say("value");
        Assert.Equal("value cbf439d9", program.WaitFor(l => l.StartsWith("value", StringComparison.Ordinal)));
        Assert.Equal("failed 0", Quit(program));
    }

    [Theory]
    [InlineData("strict")]
    [InlineData("filter")]
    public void Suspends_the_seccomp_filter_of_a_confined_target(string mode)
    {
        using TargetProgram program = Start("seccomp", _fast, mode);
        _ = program.WaitFor("confined");
        Assert.Equal(LivePatchStatus.Applied, Apply(program, "threads").Status);
        program.Say("value");
        Assert.Equal("value 3", program.WaitFor(l => l.StartsWith("value", StringComparison.Ordinal)));
        // The filter is back: it is still there, and the target has not died of what it forbids.
        Assert.DoesNotContain("Seccomp:\t0", File.ReadAllText($"/proc/{program.Id}/status"));
    }

    [Fact]
    public async Task Refuses_when_a_thread_stays_on_the_bytes_and_succeeds_once_it_has_left()
    {
        using TargetProgram program = Start("stuck", _fast);
        string patch = Built.Target("patches/stuck.so", _fast);
        var options = new WriteOptions { Timeout = TimeSpan.FromSeconds(0.3) };
        PatchException error = Patching.Refused(program, () => Patching.Apply(program, patch, "J stuck stuck_plug", options: options));
        Assert.Equal(PatchErrorId.FunctionActive, error.Id);
        Assert.Contains($"Thread {program.Id}", error.Message);
        Assert.Contains("stuck+0x3 (stuck)", error.Message);

        Task<LivePatchResult> patching = Task.Run(() => Patching.Apply(program, patch, "J stuck stuck_plug"));
        await Task.Delay(100);
        Assert.False(patching.IsCompleted);
        program.Signal("USR1");
        Assert.Equal(LivePatchStatus.Applied, (await patching).Status);
    }

    [Fact]
    public void Patches_and_undoes_over_and_over_without_a_failed_check()
    {
        // Two patches of one function come and go, over and under one another, in a service that checks itself.
        using TargetProgram program = Start("invariants", _fast);
        string[] rounds = ["+a", "+b", "-b", "-a", "+b", "+a", "-b", "-a"];
        for (int i = 0; i < s_rounds; i++)
        {
            string step = rounds[i % rounds.Length], patch = $"invariants-{step[1]}";
            if (step[0] == '+') Assert.Equal(LivePatchStatus.Applied, Apply(program, patch).Status);
            else Assert.NotEqual(UndoStatus.Planned, Undo(program, patch + ".so").Status);
        }
        Assert.DoesNotContain(Patching.Get(program), p => p.State != LivePatchState.Retained);
        program.Say("value");
        Assert.Equal("value 1", program.WaitFor(l => l.StartsWith("value", StringComparison.Ordinal)));
        Assert.Equal("failed 0", Quit(program));
    }

    private static TargetProgram Start(string name, string[] variables, params string[] arguments)
    {
        TargetProgram program = TargetProgram.Start(Built.Target(name, variables), arguments);
        _ = program.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal));
        return program;
    }

    private LivePatchResult Apply(TargetProgram program, string patch) => Patching.Apply(program,
        Built.Target($"patches/{patch}.so", _fast), File.ReadAllText(Path.Combine(Built.Repository, "tests/targets/patches", patch + ".cmd")),
        options: s_patient);

    // The one in force; there may be retained ones of it.
    private static UndoResult Undo(TargetProgram program, string patch)
    {
        return Patching.Undo(program, Patching.Get(program).Single(p => p.Patch == patch && p.State == LivePatchState.Applied).Address, s_patient);
    }

    private static string Quit(TargetProgram program)
    {
        program.Say("quit");
        return program.WaitFor(l => l.StartsWith("failed", StringComparison.Ordinal));
    }
}

public sealed class X64ScenarioTests() : ScenarioTests(Machine.X64);

public sealed class IA32ScenarioTests() : ScenarioTests(Machine.IA32);
