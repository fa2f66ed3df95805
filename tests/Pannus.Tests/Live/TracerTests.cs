using System.Diagnostics;
using Pannus.Core;
using Pannus.Holding;
using Pannus.Linux;
using Pannus.Safety;
using Pannus.Targets;
using Pannus.Tests.Support;

namespace Pannus.Tests.Live;

/// <summary>
/// What a stop takes of the machine besides the target: the tracer's processors and priority, and processors kept awake. All
/// of it is given back.
/// </summary>
public sealed class TracerTests
{
    private static string Self(string field) => File.ReadLines("/proc/thread-self/status").Single(l => l.StartsWith(field, StringComparison.Ordinal));

    private static long Nice() => 20 - Syscall.Call(Syscall.Getpriority, 0, 0);

    private static int Requests() => Directory.GetFileSystemEntries("/proc/self/fd").Count(f => ProcFile.TryReadLink(f) == "/dev/cpu_dma_latency");

    // On a thread of its own, as xunit's go on to other tests.
    private static void OnThread(Action work)
    {
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                work();
            }
            catch (Exception e)
            {
                failure = e;
            }
        });
        thread.Start();
        thread.Join();
        if (failure is not null) throw new InvalidOperationException(failure.Message, failure);
    }

    [Fact]
    public void It_keeps_off_the_processors_of_running_threads_and_gets_its_own_back()
    {
        using TargetProgram program = TargetProgram.Start(Built.Bench("hiccup"), "0", "0");
        _ = program.WaitFor(l => l.StartsWith("func_J", StringComparison.Ordinal));
        using TargetProcess target = TargetProcess.Open(program.Id);
        OnThread(() =>
        {
            string before = Self("Cpus_allowed:");
            // A look may find it between two processors, or waiting for one: seldom.
            for (int i = 0; ; i++)
            {
                using (var placement = new TracerPlacement())
                {
                    placement.AvoidRunning(target);
                    if (Environment.ProcessorCount == 1) Assert.False(placement.IsApart);
                    else if (Self("Cpus_allowed:") == before && i < 100) continue;
                    else Assert.NotEqual(before, Self("Cpus_allowed:"));
                }
                break;
            }
            Assert.Equal(before, Self("Cpus_allowed:"));
        });
    }

    [Fact]
    public void It_follows_a_thread_that_was_moved()
    {
        using TargetProgram program = TargetProgram.Start(Built.Bench("hiccup"), "0", "0");
        _ = program.WaitFor(l => l.StartsWith("func_J", StringComparison.Ordinal));
        OnThread(() =>
        {
            int[] processors = [.. Enumerable.Range(0, Scheduler.MaskSize * 8).Where(IsAllowed)];
            using var placement = new TracerPlacement();
            Move(processors[0]);
            placement.Follow(ThreadStat.Open(program.Id, program.Id));
            Assert.Equal(processors.Length > 1, placement.IsApart);
            foreach (int processor in processors.Append(processors[0]))
            {
                Move(processor);
                placement.Update();
                // Not where it is: only a thread that has come to the tracer's processor makes it go.
                if (processors.Length > 1) Assert.NotEqual(processor, Here());
            }
        });

        void Move(int processor) => Assert.Equal(0, Host.Run("taskset", "-c", "-p", $"{processor}", $"{program.Id}").Code);
        static int Here() => ThreadStat.Read(Environment.ProcessId, (int)Syscall.Call(Syscall.Gettid)).Processor;
        static bool IsAllowed(int processor) => Self("Cpus_allowed_list:").Split('\t')[1].Split(',').Any(range =>
            range.Split('-') is var ends && int.Parse(ends[0]) <= processor && processor <= int.Parse(ends[^1]));
    }

    [Fact]
    public void The_code_that_runs_in_a_stop_is_locked_in_memory()
    {
        ResidentCode.Lock();
        const int ipcLock = 14; // capabilities(7): who does not have it may lock only so much
        if ((Convert.ToUInt64(Self("CapEff:").Split('\t')[1], 16) >> ipcLock & 1) == 0) return;
        string[] smaps = File.ReadAllLines("/proc/self/smaps");
        // Of each mapping: "start-end r-xp ... PATH", and some lines below "Locked: n kB" and "VmFlags: ... lo".
        int code = Array.FindIndex(smaps, l => l.Contains(" r-xp ") && l.EndsWith("/libcoreclr.so", StringComparison.Ordinal));
        Assert.Contains(" lo", smaps.Skip(code).First(l => l.StartsWith("VmFlags:", StringComparison.Ordinal)));
        static string Kilobytes(IEnumerable<string> lines, string field) =>
            lines.First(l => l.StartsWith(field, StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1];
        Assert.Equal(Kilobytes(smaps.Skip(code), "Size:"), Kilobytes(smaps.Skip(code), "Rss:"));
    }

    [Fact]
    public void Where_every_processor_is_to_be_avoided_one_is_kept()
    {
        OnThread(() =>
        {
            string before = Self("Cpus_allowed:");
            using (var placement = new TracerPlacement())
            {
                placement.Avoid(-1);
                placement.Avoid(int.MaxValue);
                Assert.True(placement.IsApart);
                for (int i = 0; i < Scheduler.MaskSize * 8; i++) placement.Avoid(i);
                Assert.False(placement.IsApart);
                Assert.Equal(1, Self("Cpus_allowed:").Split('\t')[1].Where(char.IsAsciiHexDigit).Sum(d => int.PopCount(Convert.ToInt32($"{d}", 16))));
            }
            Assert.Equal(before, Self("Cpus_allowed:"));
        });
    }

    [Fact]
    public void Its_priority_is_raised_and_given_back()
    {
        OnThread(() =>
        {
            long own = Nice();
            TracerPriority priority = default;
            priority.Lower();
            Assert.Equal(own, Nice());
            priority.Raise();
            priority.Raise();
            if (Environment.IsPrivilegedProcess) Assert.Equal(-20, Nice());
            priority.Lower();
            Assert.Equal(own, Nice());
        });
    }

    [Fact]
    public void Processors_are_kept_awake_only_as_long_as_asked_for()
    {
        if (!Environment.IsPrivilegedProcess || !File.Exists("/dev/cpu_dma_latency")) return;
        // Other tests patch meanwhile, each for a moment.
        var awake = WakefulProcessors.Request();
        Assert.True(Requests() > 0);
        awake.Dispose();
        var clock = Stopwatch.StartNew();
        while (Requests() > 0) Assert.True(clock.Elapsed < TargetProgram.Patience, "a request is never taken back");
    }

    [Fact]
    public void However_long_thousands_of_sleepers_take_they_are_not_stopped_over_and_over()
    {
        // Each call takes many times as long under strace, so that all of them take longer than one thread may.
        // Under strace a stop may be given up before all have stopped; the next one has more time.
        const int sleepers = 2000, most = 4 * (sleepers + 20);
        using TargetProgram program = TargetProgram.Start(Built.Bench("hiccup"), $"{sleepers}", "0");
        _ = program.WaitFor(l => l.StartsWith("func_J", StringComparison.Ordinal));
        string log = Path.GetTempFileName();
        (int code, string output, string problems) = Host.Run("strace", "-f", "-qq", "-o", log, "-e", "trace=ptrace",
            Built.Pannus, "-Command",
            $"(Invoke-LivePatch {program.Id} '{Built.Bench("plug.so")}' -Timeout 00:00:30 -ErrorAction Stop).Status");
        string[] calls = File.ReadAllLines(log);
        File.Delete(log);
        Assert.True(code == 0, $"{code} {problems}");
        Assert.Contains("Applied", output);
        Assert.InRange(calls.Count(c => c.Contains("PTRACE_SEIZE", StringComparison.Ordinal)), sleepers + 1, most);
        Assert.InRange(calls.Count(c => c.Contains("PTRACE_INTERRUPT", StringComparison.Ordinal)), sleepers + 1, most);
    }

    [Fact]
    public void A_thread_of_any_name_is_looked_at()
    {
        string directory = Directory.CreateTempSubdirectory("pannus-").FullName, path = Path.Combine(directory, "s) R 7 (x");
        File.Copy("/bin/sleep", path);
        using TargetProgram program = TargetProgram.Start(path, "100");
        var clock = Stopwatch.StartNew();
        ThreadStat stat;
        do stat = ThreadStat.Read(program.Id, program.Id);
        while (stat.State != 'S' && clock.Elapsed < TargetProgram.Patience);
        Directory.Delete(directory, recursive: true);
        Assert.Equal('S', stat.State);
        Assert.InRange(stat.Processor, 0, 4095);
        stat = ThreadStat.Read(program.Id, int.MaxValue);
        Assert.Equal(('X', -1), (stat.State, stat.Processor));
    }

    [Fact]
    public void A_rehearsal_changes_nothing_of_the_target()
    {
        using TargetProgram program = TargetProgram.Start(Built.Bench("hiccup"), "0", "0");
        _ = program.WaitFor(l => l.StartsWith("func_J", StringComparison.Ordinal));
        using TargetProcess target = TargetProcess.Open(program.Id);
        string fresh = program.SettledFingerprint();
        var nobody = new Rehearsal(target, threads: 1);
        Assert.Equal(3, nobody.Write(target.Executable.Start, [1, 2, 3]));
        using ActivenessCheck check = ActivenessCheck.Prepare(target, [new AddressRange(target.Executable.Start, 16)], [], SafetyCheck.Stack, scanMemory: false);
        Assert.True(check.IsActive(nobody, mayRun: true), "where a thread is nowhere, nothing is known of its stack");
        Assert.False(check.IsActive(new Rehearsal(target, threads: 0), mayRun: true));
        Assert.Equal(fresh, program.SettledFingerprint());
    }
}
