using Pannus.Applying;
using Pannus.Core;
using Pannus.LivePatches;
using Pannus.Tests.Support;

namespace Pannus.Tests.Live;

/// <summary>Threads, and processes in the same memory, that can't be stopped like the others.</summary>
public abstract class ThreadTests(string machine)
{
    private const string Jump = "J work work_plug";
    private readonly string[] _fast = Machine.Fast(machine);
    private readonly string _patch = Built.Target("patches/threads.so", Machine.Fast(machine));

    [Fact]
    public void A_vfork_child_is_waited_for()
    {
        using TargetProgram program = Start();
        program.Say("vfork");
        Thread.Sleep(100);
        LivePatchResult result = Patching.Apply(program, _patch, Jump);
        Assert.Equal(LivePatchStatus.Applied, result.Status);
        _ = program.WaitFor(l => l.StartsWith("child", StringComparison.Ordinal));
        Assert.Equal("value 3", Value(program));
    }

    [Fact]
    public void A_child_that_stays_in_the_memory_is_a_refusal_that_names_it()
    {
        using TargetProgram program = Start();
        program.Say("clone");
        string child = program.WaitFor(l => l.StartsWith("child", StringComparison.Ordinal)).Split(' ')[1];
        var hurry = new WriteOptions { Timeout = TimeSpan.FromSeconds(0.5) };
        PatchException error = Patching.Refused(program, () => Patching.Apply(program, _patch, Jump, options: hurry));
        Assert.Equal(PatchErrorId.StopTimeout, error.Id);
        Assert.Contains($"process {child} shares its memory", error.Message);
        program.Say("end");
        _ = program.WaitFor("ended");
        Assert.Equal(LivePatchStatus.Applied, Patching.Apply(program, _patch, Jump).Status);
    }

    [Fact]
    public void A_thread_that_waits_for_a_disk_does_not_hold_the_patch_up()
    {
        string mount = Directory.CreateTempSubdirectory("pannus-disk").FullName, image = mount + ".img";
        Built.Run("sh", "-c", $"truncate -s 20M {image} && mkfs.ext4 -q {image} && mount -o loop {image} {mount}");
        try
        {
            using TargetProgram program = Start(mount + "/file");
            Built.Run("fsfreeze", "-f", mount);
            try
            {
                program.Say("write");
                while (!Directory.GetDirectories($"/proc/{program.Id}/task").Any(t => File.ReadAllText(t + "/stat").Contains(") D "))) Thread.Sleep(5);
                Assert.Equal(LivePatchStatus.Applied, Patching.Apply(program, _patch, Jump).Status);
                Assert.Equal("value 3", Value(program));
            }
            finally
            {
                Built.Run("fsfreeze", "-u", mount);
            }
            _ = program.WaitFor("written");
        }
        finally
        {
            Built.Run("umount", "-l", mount);
            File.Delete(image);
            Directory.Delete(mount);
        }
    }

    [Fact]
    public void A_process_whose_first_thread_has_ended_is_patched()
    {
        using TargetProgram program = Start();
        program.Say("leave");
        while (program.State != 'Z') Thread.Sleep(1);
        Assert.Equal(LivePatchStatus.Applied, Patching.Apply(program, _patch, Jump).Status);
        Assert.Equal("value 3", Value(program));
    }

    [Fact]
    public void Two_thousand_threads_are_patched()
    {
        using TargetProgram program = TargetProgram.Start(Built.Target("threads", _fast), "2000", "20000");
        _ = program.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal));
        Assert.Equal(LivePatchStatus.Applied, Patching.Apply(program, _patch, Jump,
            options: new WriteOptions { Timeout = TimeSpan.FromSeconds(20) }).Status);
        Assert.Equal("value 3", Value(program));
        program.Say("quit");
        Assert.Equal("failed 0", program.WaitFor(l => l.StartsWith("failed", StringComparison.Ordinal)));
    }

    private TargetProgram Start(params string[] arguments)
    {
        TargetProgram program = TargetProgram.Start(Built.Target("sharing", _fast), arguments);
        _ = program.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal));
        return program;
    }

    private static string Value(TargetProgram program)
    {
        program.Say("value");
        return program.WaitFor(l => l.StartsWith("value", StringComparison.Ordinal));
    }
}

public sealed class X64ThreadTests() : ThreadTests(Machine.X64);

public sealed class IA32ThreadTests() : ThreadTests(Machine.IA32);
