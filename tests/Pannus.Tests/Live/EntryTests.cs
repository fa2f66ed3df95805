using Pannus.Loader;
using Pannus.Patcher;
using Pannus.Target;
using Pannus.Tests.Support;

namespace Pannus.Tests.Live;

/// <summary>Entries that are hard to overwrite, of a program whose threads call them all the time (tests/targets/entry.c).</summary>
public sealed class EntryTests
{
    private static readonly string[] s_names =
    [
        "plain", "loads", "branches", "calls", "calls_pointer", "recurses", "switches", "nops_5", "nops_2", "nops_7_5",
        "asm_short", "asm_loops", "asm_jumps", "asm_tail", "asm_pushes",
    ];

    [Theory]
    [InlineData("gcc", "-O0")]
    [InlineData("gcc", "-O1")]
    [InlineData("gcc", "-O2")]
    [InlineData("gcc", "-O3 -fcf-protection=full")]
    [InlineData("gcc", "-O2 -fpatchable-function-entry=5")]
    [InlineData("gcc", "-O2 -fpatchable-function-entry=2")]
    [InlineData("gcc", "-O2 -fpatchable-function-entry=7,5 -fcf-protection=full")]
    [InlineData("gcc", "-Os")]
    [InlineData("clang", "-O0")]
    [InlineData("clang", "-O1")]
    [InlineData("clang", "-O2")]
    [InlineData("clang", "-O3 -fcf-protection=full")]
    [InlineData("clang", "-O2 -fpatchable-function-entry=7,5")]
    public void Replaces_functions_with_every_kind_of_entry(string compiler, string flags)
    {
        string[] variables = Variables(flags, compiler);
        using TargetProgram program = Start(variables);
        int[] before = Values(program);
        Assert.Equal(LivePatchStatus.Applied, Apply(program, variables).Status);
        Assert.Equal(before.Select(v => v + 1000), Values(program));
        Assert.Equal(LivePatchStatus.AlreadyApplied, Apply(program, variables).Status);
        Assert.Equal("failed 0", Quit(program));
    }

    [Fact]
    public void Shows_both_jumps_of_a_function_that_is_too_short_for_one()
    {
        string[] variables = Variables("-O2");
        using TargetProgram program = Start(variables);
        using TargetProcess target = TargetProcess.Open(program.Id);
        using PatchFile patch = PatchFile.Open(Built.Target("patches/entry.so", variables));
        LivePatchPlan plan = LivePatch.Plan(target, Patching.Request(patch, "J asm_short asm_short_plug\nJ nops_7_5 nops_7_5_plug"));
        Assert.Equal(2, plan.Result.Jumps);
        Assert.Equal(
            [PlannedWriteKind.Island, PlannedWriteKind.Jump, PlannedWriteKind.Island, PlannedWriteKind.Jump], plan.Writes.Select(w => w.Kind));
        Assert.All(plan.Writes.Where(w => w.Kind == PlannedWriteKind.Island), w => Assert.StartsWith("e9", w.NewBytes));
        Assert.All(plan.Writes.Where(w => w.Kind == PlannedWriteKind.Jump), w => Assert.StartsWith("eb", w.NewBytes));
        Assert.Equal(["9090909090", "9090"], plan.Writes.Skip(2).Select(w => w.OldBytes));
        Assert.Equal(plan.Writes[3].Address - 5, plan.Writes[2].Address);
    }

    [Fact]
    public void Refuses_a_function_that_a_debugger_has_set_a_breakpoint_on()
    {
        string[] variables = Variables("-O2");
        using TargetProgram program = Start(variables, 0);
        using (TargetProcess target = TargetProcess.Open(program.Id))
        {
            ulong address = new Resolver.SymbolResolver(target).Resolve("switches").Address;
            Assert.Equal(1, target.WritableMemory.Write(address, [0xcc]));
        }
        PatchException error = Patching.Refused(program, () => Patching.Apply(
            program, Built.Target("patches/entry.so", variables), "J switches switches_plug"));
        Assert.Equal(PatchErrorId.CodeChanged, error.Id);
        Assert.Contains("is cc", error.Message);
    }

    private static string[] Variables(string flags, string compiler = "gcc") =>
        ["CC=" + compiler, "CFLAGS=" + flags, "PROGRAMS=entry", "PATCHES=entry.so"];

    private static TargetProgram Start(string[] variables, int threads = 2)
    {
        TargetProgram program = TargetProgram.Start(Built.Target("entry", variables), $"{threads}");
        _ = program.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal));
        return program;
    }

    private static LivePatchResult Apply(TargetProgram program, string[] variables, string patch = "entry") => Patching.Apply(program,
        Built.Target($"patches/{patch}.so", variables),
        File.ReadAllText(Path.Combine(Built.Repository, "tests/targets/patches/entry.cmd")));

    private static int[] Values(TargetProgram program)
    {
        program.Say("value");
        string[] lines = [.. s_names.Select(_ => program.NextLine())];
        Assert.Equal(s_names, lines.Select(l => l.Split(' ')[0]));
        return [.. lines.Select(l => int.Parse(l.Split(' ')[1]))];
    }

    private static string Quit(TargetProgram program)
    {
        program.Say("quit");
        return program.WaitFor(l => l.StartsWith("failed", StringComparison.Ordinal));
    }
}
