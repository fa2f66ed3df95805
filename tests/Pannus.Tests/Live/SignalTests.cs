using System.Diagnostics;
using System.Globalization;
using Pannus.LivePatches;
using Pannus.Tests.Support;

namespace Pannus.Tests.Live;

/// <summary>A process that lives by signals, and its parent that watches it, do not notice.</summary>
public sealed class SignalTests
{
    private const int Patches = 40;

    [Theory]
    [InlineData(Machine.X64)]
    [InlineData(Machine.IA32)]
    public void No_signal_is_lost_or_handled_twice_and_the_parent_sees_no_change(string machine)
    {
        string[] fast = Machine.Fast(machine);
        using TargetProgram family = TargetProgram.Start(Built.Target("signals", fast));
        int child = int.Parse(family.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal)).Split(' ')[1], CultureInfo.InvariantCulture);
        string patch = Built.Target("patches/threads.so", fast);
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < Patches || Stopwatch.GetElapsedTime(start).TotalSeconds < 0.5; i++)
        {
            Assert.Equal(LivePatchStatus.Applied, Patching.Apply(child, patch, "J work work_plug").Status);
            _ = Patching.UndoNewest(child);
        }
        family.Say("value");
        Assert.Equal("value 2", family.WaitFor(l => l.StartsWith("value", StringComparison.Ordinal)));
        family.Say("quit");
        Dictionary<string, int> ends = [];
        while (family.TryNextLine() is { } line)
            ends[line.Split(' ')[0]] = int.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture);
        Assert.Equal((0, 0, 0), (ends["failed"], ends["changes"], ends["exit"]));
        Assert.Equal(ends["sent"], ends["handled"]);
        Assert.True(ends["ticks"] > 100 && ends["sent"] > 100);
    }
}
