using System.Globalization;
using Pannus.Applying;
using Pannus.Backends;
using Pannus.LivePatches;
using Pannus.Targets;
using Pannus.Tests.Support;

namespace Pannus.Tests.Live;

/// <summary>Targets in containers of every kind are no special case; patchers in them are told who says no.</summary>
public abstract class NamespaceTests(string machine)
{
    private const string Jump = "J work work_plug";
    private static readonly string s_pannus = Built.Pannus;

    private readonly string[] _fast = Machine.Fast(machine);
    private readonly string _patch = Built.Target("patches/threads.so", Machine.Fast(machine));

    [Fact]
    public void A_target_in_other_pid_mount_and_user_namespaces_is_patched_from_outside()
    {
        using TargetProgram program = TargetProgram.Start("unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--mount-proc",
            Built.Target("threads", _fast), "2");
        Assert.Equal("ready 1", program.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal)));
        int child = Child(program.Id);
        Assert.Equal(LivePatchStatus.Applied, Patching.Apply(child, _patch, Jump).Status);
        program.Say("value");
        Assert.Equal("value 3", program.WaitFor(l => l.StartsWith("value", StringComparison.Ordinal)));
        program.Say("quit");
        Assert.Equal("failed 0", program.WaitFor(l => l.StartsWith("failed", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_target_in_an_empty_root_whose_files_are_gone_is_patched()
    {
        string root = Directory.CreateTempSubdirectory("pannus-root").FullName;
        string path = root + "/threads";
        File.Copy(Built.Target("threads", Machine.Fast(machine, "-O2", "LDFLAGS=-static")), path);
        using TargetProgram program = TargetProgram.Start("chroot", root, "/threads", "2");
        _ = program.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal));
        File.Delete(path);
        Directory.Delete(root);
        Assert.Equal(LivePatchStatus.Applied, Patching.Apply(program, _patch, Jump).Status);
        program.Say("value");
        Assert.Equal("value 3", program.WaitFor(l => l.StartsWith("value", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_patcher_in_a_user_namespace_is_told_that_the_namespace_is_why()
    {
        using TargetProgram program = TargetProgram.Start(Built.Target("threads", _fast), "1");
        _ = program.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal));
        (int code, _, string problems) = Host.Run(
            "unshare", "--user", "--map-root-user", s_pannus, "-Command", $"Invoke-LivePatch {program.Id} {_patch} '' {Commands("threads")}");
        Assert.Equal(1, code);
        Assert.Contains("user namespace", problems);
        program.Say("value");
        Assert.Equal("value 2", program.WaitFor(l => l.StartsWith("value", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_patcher_in_another_network_namespace_waits_for_the_first_and_is_told_who_it_is()
    {
        using TargetProgram program = TargetProgram.Start(Built.Target("threads", _fast), "1");
        _ = program.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal));
        string script = $"Invoke-LivePatch {program.Id} {_patch} '' {Commands("threads")} -Timeout 0.5 -ErrorAction Stop";
        using (PatchSuspension hold = PatchSuspension.Start(TargetProcess.Open(program.Id), BackendKind.Auto,
            TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(20)))
        {
            (int code, _, string problems) = Host.Run("unshare", "--net", s_pannus, "-Command", script);
            Assert.Equal(1, code);
            Assert.Contains("is being patched by", problems);
            Assert.Contains($"({Environment.ProcessId})", problems);
        }
        Assert.Equal(0, Host.Run("unshare", "--net", s_pannus, "-Command", script).Code);
    }

    [Fact]
    public void A_patcher_in_another_pid_namespace_keeps_those_out_who_do_not_see_it()
    {
        // Its own process 1, which both patchers see, each by another id.
        using TargetProgram program = TargetProgram.Start("unshare", "--kill-child", "--pid", "--fork", "--mount-proc", Built.Target("threads", _fast), "1");
        _ = program.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal));
        int child = Child(program.Id);
        using PatchSuspension hold = PatchSuspension.Start(TargetProcess.Open(child), BackendKind.Auto,
            TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(20));
        (int code, _, string problems) = Host.Run("nsenter", "--target", $"{child}", "--pid", "--mount", s_pannus, "-Command",
            $"Invoke-LivePatch 1 {_patch} '' {Commands("threads")} -Timeout 0.5 -ErrorAction Stop");
        Assert.Equal(1, code);
        Assert.Contains("is being patched by a process of another pid namespace", problems);
    }

    [Fact]
    public void Without_the_right_to_real_time_priority_blocked_calls_are_issued_again_and_none_fails()
    {
        using TargetProgram program = TargetProgram.Start(Built.Target("blocked", _fast), "10000");
        _ = program.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal));
        string patch = Built.Target("patches/blocked-a.so", _fast);
        (int code, string output, string problems) = Host.Run("setpriv", "--bounding-set=-sys_nice", s_pannus, "-Command",
            $"(Invoke-LivePatch {program.Id} {patch} '' {Commands("blocked-a")}).Status");
        Assert.Equal((0, "Applied", ""), (code, output.Trim(), problems));
        List<string> ends = [];
        while (program.TryNextLine() is { } line) ends.Add(line);
        Assert.Contains("version 2", ends);
        Assert.All(ends.Where(e => !e.StartsWith("version", StringComparison.Ordinal)), BlockedCallTests.HasNotFailed);
    }

    private static string Commands(string patch) => Path.Combine(Built.Repository, "tests/targets/patches", patch + ".cmd");

    private static int Child(int id) =>
        int.Parse(File.ReadAllText($"/proc/{id}/task/{id}/children").Trim(), CultureInfo.InvariantCulture);
}

public sealed class X64NamespaceTests() : NamespaceTests(Machine.X64);

public sealed class IA32NamespaceTests() : NamespaceTests(Machine.IA32);
