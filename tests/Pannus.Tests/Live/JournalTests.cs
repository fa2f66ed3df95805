using Pannus.Fleet;
using Pannus.LivePatches;
using Pannus.Targets;
using Pannus.Tests.Support;

namespace Pannus.Tests.Live;

/// <summary>What a target says of its patches, to anyone who asks.</summary>
public abstract class JournalTests(string machine)
{
    private readonly string[] _fast = Machine.Fast(machine);

    private static string Commands => File.ReadAllText(Path.Combine(Built.Repository, "src/sample/pannus.cmd"));

    [Fact]
    public void Lists_an_applied_patch_with_all_that_is_known_of_it()
    {
        using TargetProgram program = Start();
        Assert.Empty(Patching.Get(program));
        LivePatchResult result = Patching.Apply(program, Built.Sample("patch.so", _fast), "name a name of two and more words\n" + Commands);
        LivePatchInfo patch = Assert.Single(Patching.Get(program));
        Assert.Equal((program.Id, "target", "a name of two and more words", LivePatchState.Applied), (patch.Id, patch.Name, patch.Patch, patch.State));
        Assert.Equal((1, 1, 2), (patch.Jumps, patch.Variables, patch.Pointers));
        Assert.Equal(result.LivePatchId, patch.LivePatchId);
        Assert.Matches("^[0-9a-f]{12}$", patch.LivePatchId);
        Assert.Matches("^[0-9a-f]{64}$", patch.Sha256);
        Assert.Equal(Built.Sample("patch.so", _fast), patch.Path);
        using TargetProcess target = TargetProcess.Open(program.Id);
        Assert.Equal((target.Executable.BuildId, target.StartTicks), (patch.BuildId, patch.StartTicks));
        Assert.InRange(patch.AppliedAt!.Value, DateTime.Now.AddMinutes(-1), DateTime.Now);
        Assert.Contains($"({Environment.ProcessId})", patch.By);
        Assert.Contains(Environment.UserName, patch.By);
        Assert.Equal("", patch.Message);
        Assert.Equal(1, TargetCatalog.Get(program.Id).LivePatches);
        Assert.Contains(LivePatchCatalog.GetAll(), p => p.Id == program.Id && p.LivePatchId == patch.LivePatchId);
    }

    [Fact]
    public void The_same_contents_have_the_same_id_wherever_they_lie_and_other_commands_another_one()
    {
        using TargetProgram program = Start();
        string copy = Path.Combine(Path.GetTempPath(), $"pannus-{Guid.NewGuid()}.so");
        File.Copy(Built.Sample("patch.so", _fast), copy);
        try
        {
            LivePatchResult first = Patching.Apply(program, Built.Sample("patch.so", _fast), Commands);
            string before = program.Fingerprint();
            LivePatchResult again = Patching.Apply(program, copy, "# the same\nname another\n\n" + Commands.Replace("  ", "\t"));
            Assert.Equal((LivePatchStatus.AlreadyApplied, first.LivePatchId, 0), (again.Status, again.LivePatchId, again.Attempts));
            Assert.Equal(before, program.Fingerprint());
            LivePatchResult other = Patching.Apply(program, copy, "V str_V 00");
            Assert.Equal(LivePatchStatus.Applied, other.Status);
            Assert.NotEqual(first.LivePatchId, other.LivePatchId);
            Assert.Equal([first.LivePatchId, other.LivePatchId], Patching.Get(program).Select(p => p.LivePatchId));
        }
        finally
        {
            File.Delete(copy);
        }
    }

    private TargetProgram Start()
    {
        TargetProgram program = TargetProgram.Start(Built.Sample("target", _fast), "20");
        _ = program.WaitFor("func_L of target.");
        return program;
    }
}

public sealed class X64JournalTests() : JournalTests(Machine.X64);

public sealed class IA32JournalTests() : JournalTests(Machine.IA32);
