using System.Diagnostics;
using System.Globalization;
using Pannus.Core;
using Pannus.LivePatches;
using Pannus.Targets;
using Pannus.Tests.Support;
using Xunit.Abstractions;

namespace Pannus.Tests.Live;

/// <summary>
/// Everything at once: a program of some 64 threads that count, signal, come and go, fork, execute, load libraries and sleep,
/// under two patchers and one that looks on, is patched over and over. For as long as PANNUS_SOAK_SECONDS says.
/// </summary>
public sealed class SoakTests(ITestOutputHelper log)
{
    private static readonly TimeSpan s_time =
        TimeSpan.FromSeconds(int.Parse(Environment.GetEnvironmentVariable("PANNUS_SOAK_SECONDS") ?? "10", CultureInfo.InvariantCulture));

    private static readonly string s_program = Gcc.Compile(File.ReadAllText(Path.Combine(Built.Repository, "tests/targets/soak.c")),
        $"-O2 -pthread -I{Path.Combine(Built.Repository, "tests/targets")}", "soak");

    // What a patcher may be told where another one is at work, or the function is busy. Anything else is a finding.
    private static readonly PatchErrorId[] s_expected = [PatchErrorId.TargetBusy, PatchErrorId.FunctionActive, PatchErrorId.StopTimeout];

    [Fact]
    public void Nothing_is_lost_while_a_busy_program_is_patched_over_and_over()
    {
        using TargetProgram program = Start();
        var counts = new Counts();
        Run(() => Patch(program.Id, "first", 1000, s_time, counts), () => Patch(program.Id, "second", 2000, s_time, counts),
            () => LookOn(program.Id));
        program.Say("check");
        program.Say("quit");
        string end = "";
        while (!end.Contains("counted", StringComparison.Ordinal)) log.WriteLine(end = program.NextLine());
        log.WriteLine($"{counts}");
        string[] words = end.Split(' ');
        Assert.Equal(("0", "0"), (words[1], words[5]));
        Assert.True(counts.Applied > 0 && counts.Undone > 0, $"{counts}");
    }

    [Fact]
    public void A_program_that_executes_itself_all_the_time_is_patched_or_refused_and_lives()
    {
        using TargetProgram program = Start("exec");
        var counts = new Counts { MayVanish = true };
        Run(() => Patch(program.Id, "first", 1000, s_time / 10, counts), () => Patch(program.Id, "second", 2000, s_time / 10, counts));
        log.WriteLine($"{counts}");
        Assert.False(program.HasExited);
        Assert.DoesNotContain(program.State, "ZXtT");
    }

    private static void Patch(int id, string function, int value, TimeSpan time, Counts counts)
    {
        string patch = Gcc.Compile($"int {function}_new(int x) {{ return {value} + x; }}", "-O2 -shared -fPIC", $"{function}.so");
        for (long start = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(start) < time;)
        {
            try
            {
                string name = $"soak-{function}";
                if (Patching.Apply(id, patch, $"name {name}\nJ {function} {function}_new").Status == LivePatchStatus.Applied) counts.AddApplied();
                using TargetProcess target = TargetProcess.Open(id);
                foreach (LivePatchInfo info in LivePatchCatalog.Get(target).Where(p => p.Patch == name))
                {
                    UndoResult undone = LivePatchUndo.Undo(target, info.Address, new UndoOptions());
                    counts.AddUndone(undone.Status);
                }
            }
            catch (PatchException e) when (s_expected.Contains(e.Id) || counts.MayVanish)
            {
                counts.AddRefused(e);
            }
        }
    }

    private static void LookOn(int id)
    {
        for (long start = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(start) < s_time; Thread.Sleep(100))
        {
            using TargetProcess target = TargetProcess.Open(id);
            Assert.DoesNotContain(LivePatchCatalog.Get(target), p => p.State == LivePatchState.Damaged);
        }
    }

    private static void Run(params Action[] work)
    {
        Task[] all = [.. work.Select(w => Task.Factory.StartNew(w, TaskCreationOptions.LongRunning))];
        Task.WaitAll(all);
    }

    private static TargetProgram Start(params string[] arguments)
    {
        TargetProgram program = TargetProgram.Start(s_program, arguments);
        _ = program.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal));
        return program;
    }

    private sealed class Counts
    {
        private readonly SortedDictionary<PatchErrorId, int> _refused = [];
        private int _retained;

        public bool MayVanish { get; init; }

        public int Applied { get; private set; }

        public int Undone { get; private set; }

        public void AddApplied()
        {
            lock (_refused) Applied++;
        }

        public void AddUndone(UndoStatus status)
        {
            lock (_refused) (Undone, _retained) = status == UndoStatus.Undone ? (Undone + 1, _retained) : (Undone, _retained + 1);
        }

        public void AddRefused(PatchException error)
        {
            lock (_refused) _refused[error.Id] = _refused.GetValueOrDefault(error.Id) + 1;
        }

        public override string ToString() => $"{Applied} applied, {Undone} undone, {_retained} retained, refused: "
            + string.Join(", ", _refused.Select(r => $"{r.Key} {r.Value}"));
    }
}
