using System.Diagnostics;
using Pannus.Tests.Support;

namespace Pannus.Tests.Live;

/// <summary>The patching process dies by SIGKILL at any instant: the target goes on.</summary>
public sealed class KilledPatcherTests
{
    private const int Kills = 25;

    [Theory]
    [InlineData(Machine.X64)]
    [InlineData(Machine.IA32)]
    public void A_target_survives_the_death_of_its_patcher_at_any_instant(string machine)
    {
        using TargetProgram program = TargetProgram.Start(Built.Target("invariants", Machine.Fast(machine)), "2");
        _ = program.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal));
        var random = new Random(2004);
        bool wasPatched = false;
        for (int kill = 0; kill < Kills; kill++)
        {
            using Process patcher = StartPatching(program.Id, machine);
            Assert.Equal("patching", patcher.StandardOutput.ReadLine());
            Thread.Sleep(random.Next(200));
            patcher.Kill();
            patcher.WaitForExit();

            program.Say("value");
            string value = program.WaitFor(l => l.StartsWith("value", StringComparison.Ordinal));
            Assert.Contains(value, (string[])["value 1", "value 2", "value 3"]);
            wasPatched |= value != "value 1";
            Assert.Contains("TracerPid:\t0", File.ReadAllText($"/proc/{program.Id}/status"));
        }
        Assert.True(wasPatched, "no patch was ever in force when its patcher was killed");
        program.Say("quit");
        Assert.Equal("failed 0", program.WaitFor(l => l.StartsWith("failed", StringComparison.Ordinal)));
    }

    // Patches A and B in turn as fast as it can.
    private static Process StartPatching(int id, string machine)
    {
        string patches = Path.GetDirectoryName(Built.Target("patches/invariants-a.so", Machine.Fast(machine)))!;
        string script = "$a = 'invariants-a', 'invariants-b'; "
            + $"$null = Test-LivePatch {id} {patches}/invariants-a.so '' {patches}/invariants-a.cmd; $Host.UI.WriteLine('patching'); "
            + $"while ($true) {{ foreach ($p in $a) {{ $null = Invoke-LivePatch {id} \"{patches}/$p.so\" '' \"{patches}/$p.cmd\" }} }}";
        return Process.Start(new ProcessStartInfo(Path.Combine(Built.Repository, "bin/host/pannus"), ["-Command", script])
        { RedirectStandardOutput = true })!;
    }
}
