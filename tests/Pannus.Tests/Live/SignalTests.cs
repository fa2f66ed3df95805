using System.Globalization;
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
        // Two patches of one function take turns, the second of which does as the program itself.
        string plus2 = Built.Target("patches/threads.so", fast);
        string plus1 = Gcc.Compile("int work_plug(int x) { return x + 1; }", $"-O2 {machine} -shared -fPIC", "work1.so");
        for (int i = 0; i < Patches; i++)
            _ = Patching.Apply(child, i % 2 == 0 ? plus2 : plus1, "J work work_plug");
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
