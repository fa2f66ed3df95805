using System.Globalization;
using Pannus.Applying;
using Pannus.LivePatches;
using Pannus.Targets;
using Pannus.Tests.Support;

namespace Pannus.Tests.Live;

/// <summary>32-bit programs in all the address spaces that personality(2) gives them under a 64-bit kernel.</summary>
public sealed class AddressLayoutTests
{
    private const ulong ThreeGiB = 0xc000_0000, FourGiB = 1ul << 32;
    private const int NoRandomization = 0x0040000, LimitOf3GiB = 0x8000000; // linux/personality.h

    // The machine may have other work to do.
    private static readonly WriteOptions s_patient = new() { Timeout = TimeSpan.FromSeconds(20) };

    [Theory]
    [InlineData("", FourGiB)]
    [InlineData("--3gb", ThreeGiB)]
    [InlineData("-R", FourGiB)]
    [InlineData("-R --3gb", ThreeGiB)]
    public void A_program_is_patched_wherever_it_lies(string personality, ulong end)
    {
        foreach (string link in (string[])["-no-pie", "-pie", "-static"])
        {
            string[] variables = Machine.Fast(Machine.IA32, link == "-pie" ? "-O2" : "-O2 -fno-pie", "LDFLAGS=" + link);
            using TargetProgram program = TargetProgram.Start("setarch",
                ["i386", .. personality.Split(' ', StringSplitOptions.RemoveEmptyEntries), Built.Target("threads", variables), "4", "500"]);
            _ = program.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal));
            using (TargetProcess target = TargetProcess.Open(program.Id))
            {
                if (link != "-pie") Assert.Equal(0x0804_8000ul, target.Executable.Start);
                Assert.InRange(target.Map.Regions.Single(r => r.Path == "[stack]").End, end - (1ul << 28), end);
                int set = int.Parse(File.ReadAllText($"/proc/{program.Id}/personality"), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
                Assert.Equal((personality.Contains("-R"), end == ThreeGiB), ((set & NoRandomization) != 0, (set & LimitOf3GiB) != 0));
            }
            LivePatchResult result = Patching.Apply(program, Built.Target("patches/threads.so", variables), "J work work_plug", options: s_patient);
            Assert.Equal(LivePatchStatus.Applied, result.Status);
            program.Say("value");
            Assert.Equal("value 3", program.WaitFor(l => l.StartsWith("value", StringComparison.Ordinal)));
            Assert.True(Assert.Single(Patching.Get(program)).Address < end);
            _ = Patching.Undo(program, result.LivePatchId, options: s_patient);
            program.Say("value");
            Assert.Equal("value 2", program.WaitFor(l => l.StartsWith("value", StringComparison.Ordinal)));
            program.Say("quit");
            Assert.Equal("failed 0", program.WaitFor(l => l.StartsWith("failed", StringComparison.Ordinal)));
        }
    }
}
