using System.Diagnostics;
using System.Globalization;
using Pannus.LivePatches;
using Pannus.Targets;
using Pannus.Tests.Support;

namespace Pannus.Tests.Live;

/// <summary>What becomes of a patch when its process forks, executes another program, or gets a patch that replaces it.</summary>
public sealed class FamilyTests
{
    private const string Jump = "J work work_plug";
    private static readonly string[] s_fast = ["CFLAGS=-O2"];
    private static readonly string s_patch = Built.Target("patches/threads.so", s_fast);

    [Fact]
    public void A_forked_child_is_listed_with_its_own_copy_and_undone_alone()
    {
        using TargetProgram program = Start();
        LivePatchResult result = Patching.Apply(program, s_patch, Jump);
        program.Say("fork");
        int child = int.Parse(program.WaitFor(l => l.StartsWith("child", StringComparison.Ordinal)).Split(' ')[1], CultureInfo.InvariantCulture);
        using (TargetProcess target = TargetProcess.Open(child))
            Assert.Equal((result.LivePatchId, LivePatchState.Applied), Assert.Single(LivePatchCatalog.Get(target)) is var p ? (p.LivePatchId, p.State) : default);
        Assert.Equal("child value 3", ChildValue(program, child));
        // It sleeps in sigwait, which a stop would disturb: the first undo leaves it asleep and its memory mapped, a second one frees that.
        Assert.Equal(UndoStatus.Retained, Patching.UndoNewest(child).Status);
        Assert.Equal("child value 2", ChildValue(program, child));
        using (TargetProcess target = TargetProcess.Open(child))
        {
            Assert.Equal(UndoStatus.Undone, LivePatchUndo.Undo(target, Assert.Single(LivePatchCatalog.Get(target)).Address, new UndoOptions()).Status);
            Assert.Empty(LivePatchCatalog.Get(target));
        }
        Assert.Equal("child value 2", ChildValue(program, child));
        Assert.Equal(LivePatchState.Applied, Assert.Single(Patching.Get(program)).State);
        Assert.Equal("value 3", Value(program));
        program.Say("quit");
    }

    [Fact]
    public void After_exec_there_is_nothing_and_the_patch_can_be_applied_again()
    {
        using TargetProgram program = Start();
        _ = Patching.Apply(program, s_patch, Jump);
        program.Say("exec");
        _ = program.WaitFor($"ready {program.Id}");
        Assert.Empty(Patching.Get(program));
        Assert.Equal("value 2", Value(program));
        Assert.Equal(LivePatchStatus.Applied, Patching.Apply(program, s_patch, Jump).Status);
        Assert.Equal("value 3", Value(program));
    }

    [Fact]
    public void A_patch_takes_the_place_of_another_one_of_the_same_function_in_one_step()
    {
        using TargetProgram program = Start();
        _ = Patching.Apply(program, s_patch, "name first\n" + Jump);
        string second = Gcc.Compile("int work_plug(int x) { return x + 9; }", "-O2 -shared -fPIC", "second.so");
        LivePatchResult result = Patching.Apply(program, second, "name second\nreplaces first\n" + Jump);
        Assert.Equal(LivePatchStatus.Applied, result.Status);
        Assert.Equal("value 10", Value(program));
        LivePatchInfo left = Assert.Single(Patching.Get(program), p => p.State == LivePatchState.Applied);
        Assert.Equal("second", left.Patch);
        _ = Patching.Undo(program, "second");
        Assert.Equal("value 2", Value(program));
        Assert.DoesNotContain(Patching.Get(program), p => p.State != LivePatchState.Retained);
    }

    [Fact]
    public void A_library_more_than_2_GiB_from_the_patch_is_reached_by_an_island()
    {
        // The program lies at 4 MiB, its library at the other end; the patch lies by whichever its first jump patches.
        string[] variables = ["CFLAGS=-O2 -fno-pie", "LDFLAGS=-no-pie"];
        using TargetProgram program = TargetProgram.Start(Built.Target("library", variables));
        _ = program.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal));
        string commands = File.ReadAllText(Path.Combine(Built.Repository, "tests/targets/patches/library.cmd"));
        _ = Patching.Apply(program, Built.Target("patches/library.so", s_fast), commands);
        program.Say("value");
        string[] values = [.. Enumerable.Range(0, 7).Select(_ => program.NextLine())];
        Assert.Contains("foo_value 1001", values);
        Assert.Contains("a.c:helper 3001", values);
        ulong[] code = [.. File.ReadAllLines($"/proc/{program.Id}/maps").Where(l => l.Contains("memfd:pannus") && l.Contains(" r-xp "))
            .Select(l => ulong.Parse(l.Split('-')[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture))];
        Assert.True(code.Length > 1 && code.Max() - code.Min() > 1ul << 31, string.Join(' ', code));
    }

    private static string ChildValue(TargetProgram program, int child)
    {
        using Process kill = Process.Start("kill", ["-USR1", $"{child}"]);
        kill.WaitForExit();
        return program.WaitFor(l => l.StartsWith("child value", StringComparison.Ordinal));
    }

    private static TargetProgram Start()
    {
        TargetProgram program = TargetProgram.Start(Built.Target("family", s_fast));
        _ = program.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal));
        return program;
    }

    private static string Value(TargetProgram program)
    {
        program.Say("value");
        return program.WaitFor(l => l.StartsWith("value", StringComparison.Ordinal));
    }
}
