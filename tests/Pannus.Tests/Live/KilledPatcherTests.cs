using System.Diagnostics;
using System.Globalization;
using Pannus.LivePatches;
using Pannus.Tests.Support;

namespace Pannus.Tests.Live;

/// <summary>
/// The patching process dies by SIGKILL, at random instants and at each of its calls: the target goes on, is all old, all
/// new or marked, and the next patcher finishes or takes back. <c>./build.ps1 Soak</c> kills more often.
/// </summary>
public sealed class KilledPatcherTests
{
    private static readonly int s_kills = int.Parse(Environment.GetEnvironmentVariable("PANNUS_KILLS") ?? "20", CultureInfo.InvariantCulture);
    private static readonly string s_pannus = Built.Pannus;
    private static readonly string[] s_old = ["func_J of target.", "str_V of target.", "str_P of target.", "func_L of target."];

    [Theory]
    [InlineData(Machine.X64)]
    [InlineData(Machine.IA32)]
    public void A_target_survives_the_death_of_its_patcher_at_any_instant(string machine)
    {
        using TargetProgram program = TargetProgram.Start(Built.Target("invariants", Machine.Fast(machine)), "2");
        _ = program.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal));
        var random = new Random(2004);
        HashSet<string> seen = [];
        for (int kill = 0; kill < s_kills; kill++)
        {
            using Process patcher = StartPatching(program.Id, machine);
            // It prints a line before its first patch and after each: also a machine that is busy gets to all of them.
            for (int line = random.Next(4); line >= 0; line--) Assert.Equal("patching", patcher.StandardOutput.ReadLine());
            Thread.Sleep(random.Next(40));
            patcher.Kill();
            patcher.WaitForExit();

            AssertRuns(program);
            seen.Add(Value(program));
        }
        Assert.True(seen.Count > 1, "no patch was ever in force when its patcher was killed");
        TakeBackAll(program);
        Assert.Equal("value 1", Value(program));
        program.Say("quit");
        Assert.Equal("failed 0", program.WaitFor(l => l.StartsWith("failed", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData(Machine.X64, "ptrace")]
    [InlineData(Machine.X64, "pwrite64")]
    [InlineData(Machine.IA32, "ptrace")]
    public void Whatever_call_a_patcher_dies_at_its_target_is_old_or_new_or_marked_and_the_next_one_mends_it(string machine, string call)
    {
        string[] variables = Machine.Fast(machine);
        using TargetProgram program = TargetProgram.Start(Built.Sample("target", variables), "5");
        _ = program.WaitFor(s_old[3]);
        string fresh = program.SettledFingerprint();
        string patch = Built.Sample("patch.so", variables), commands = Path.Combine(Built.Repository, "src/sample/pannus.cmd");
        string script = $"$null = Invoke-LivePatch {program.Id} '{patch}' '' '{commands}'; $null = Undo-LivePatch {program.Id} -All -Confirm:$false";
        HashSet<string> ends = [];
        bool hasEnded = false;
        // strace counts the calls of each thread by itself, so the first thread that gets as far dies.
        for (int number = 1, step = Math.Max(1, 60 / s_kills); !hasEnded; number += step)
        {
            (int code, _, string problems) = Host.Run("strace", "-f", "-qq", "-o", "/dev/null", "-e", $"trace={call}",
                "-e", $"inject={call}:signal=KILL:when={number}", s_pannus, "-Command", script);
            hasEnded = code == 0;
            Assert.True(hasEnded || code is 137 or -9, $"{code} {problems}");
            AssertRuns(program);
            ends.Add(Mend(program, patch, File.ReadAllText(commands), isFinished: number % 2 == 0));
            Assert.Equal(fresh, program.SettledFingerprint());
        }
        Assert.True(ends.Count > 1, string.Join(' ', ends));
    }

    [Fact]
    public void Whatever_call_fails_its_target_keeps_its_signal_masks_and_is_old_or_new_or_marked()
    {
        using TargetProgram program = TargetProgram.Start(Built.Sample("target"), "5");
        _ = program.WaitFor(s_old[3]);
        string fresh = Masks(program);
        string patch = Built.Sample("patch.so"), commands = Path.Combine(Built.Repository, "src/sample/pannus.cmd");
        // The first calls of each thread are its rehearsal.
        const int first = 20, last = 100;
        for (int number = first; number < last; number += Math.Max(1, (last - first) / s_kills))
        {
            _ = Host.Run("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=ptrace", "-e", $"inject=ptrace:error=EIO:when={number}",
                s_pannus, "-Command", $"Invoke-LivePatch {program.Id} '{patch}' '' '{commands}'");
            AssertRuns(program);
            _ = Mend(program, patch, File.ReadAllText(commands), isFinished: false);
            Assert.Equal(fresh, Masks(program));
        }
    }

    private static string Masks(TargetProgram program) =>
        string.Join('\n', program.SettledFingerprint().Split('\n').Where(l => l.StartsWith("SigBlk", StringComparison.Ordinal)));

    // What the dead patcher left is whole, or says that it isn't; then it is finished or taken back, and nothing is left of it.
    private static string Mend(TargetProgram program, string patch, string commands, bool isFinished)
    {
        LivePatchInfo[] found = [.. Patching.Get(program)];
        // A thread that was borrowed comes home first.
        program.Skip();
        _ = Round(program);
        string state = found.Length == 0 ? "Old" : Assert.Single(found).State.ToString();
        if (state == "Old") AssertPrints(program, IsOld);
        else if (state == "Applied") AssertPrints(program, IsNew);
        else Assert.Contains(state, (string[])["Interrupted", "Retained"]);
        // Of one that died before anything was mapped a few bytes may be left, behind the program's code: nothing lists them, and
        // the next patcher takes them away.
        if (isFinished || state == "Old")
        {
            LivePatchStatus status = Patching.Apply(program, patch, commands).Status;
            Assert.Equal(state == "Applied" ? LivePatchStatus.AlreadyApplied : LivePatchStatus.Applied, status);
            AssertPrints(program, IsNew);
        }
        TakeBackAll(program);
        AssertPrints(program, IsOld);
        return state;
    }

    private static void TakeBackAll(TargetProgram program)
    {
        string last = "";
        for (int i = 0; Patching.Get(program) is { Count: > 0 } left; i++)
        {
            Assert.True(i < 100, $"{left[0].Patch} stays {left[0].State}: {last}");
            foreach (LivePatchInfo p in left.Reverse()) last = Patching.Undo(program, p.Address, force: true).Message;
        }
    }

    private static void AssertRuns(TargetProgram program)
    {
        Assert.False(program.HasExited);
        foreach (string thread in Directory.GetDirectories($"/proc/{program.Id}/task"))
        {
            try
            {
                string status = File.ReadAllText(thread + "/status");
                Assert.Contains("TracerPid:\t0", status);
                Assert.DoesNotContain("State:\tt", status);
                Assert.DoesNotContain("State:\tT", status);
            }
            catch (IOException)
            {
                // A short-lived thread.
            }
        }
    }

    private static bool IsOld(string[] round) => round.SequenceEqual(s_old);

    private static bool IsNew(string[] round) => round.All(line => line.Contains("of plug", StringComparison.Ordinal));

    // Four lines, as they are printed from now on. On a busy machine some from before may come late.
    private static void AssertPrints(TargetProgram program, Predicate<string[]> isExpected)
    {
        program.Skip();
        string[] round = [];
        for (int i = 0; i < 400; i++)
        {
            round = Round(program);
            if (isExpected(round)) return;
        }
        Assert.Fail(string.Join('\n', round));
    }

    private static string[] Round(TargetProgram program)
    {
        _ = program.WaitFor(l => l.StartsWith("func_L", StringComparison.Ordinal));
        return [.. Enumerable.Range(0, 4).Select(_ => program.NextLine())];
    }

    private static string Value(TargetProgram program)
    {
        program.Say("value");
        return program.WaitFor(l => l.StartsWith("value", StringComparison.Ordinal));
    }

    // Applies patches A and B in turn and takes them back, as fast as it can.
    private static Process StartPatching(int id, string machine)
    {
        string patches = Path.GetDirectoryName(Built.Target("patches/invariants-a.so", Machine.Fast(machine)))!;
        string script = $"$null = Test-LivePatch {id} {patches}/invariants-a.so '' {patches}/invariants-a.cmd; $Host.UI.WriteLine('patching'); "
            + "while ($true) { foreach ($p in 'invariants-a', 'invariants-b') { "
            + $"$null = Invoke-LivePatch {id} \"{patches}/$p.so\" '' \"{patches}/$p.cmd\"; $Host.UI.WriteLine('patching') }}; $null = Undo-LivePatch {id} -All -Confirm:$false }}";
        return Process.Start(new ProcessStartInfo(s_pannus, ["-Command", script]) { RedirectStandardOutput = true })!;
    }
}
