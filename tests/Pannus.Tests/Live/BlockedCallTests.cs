using System.Diagnostics;
using Pannus.Applying;
using Pannus.Backends;
using Pannus.Core;
using Pannus.LivePatches;
using Pannus.Targets;
using Pannus.Tests.Support;

namespace Pannus.Tests.Live;

/// <summary>Threads that sleep in the kernel while their process is patched over and over do not notice.</summary>
public sealed class BlockedCallTests
{
    private const int TimeoutMilliseconds = 5000, Patches = 50;

    [Theory]
    [InlineData(Machine.X64)]
    [InlineData(Machine.IA32)]
    public void No_blocked_call_fails_with_EINTR_or_returns_early_or_begins_its_timeout_anew(string machine) =>
        Assert.All(PatchOverAndOver(Machine.Fast(machine)), IsUndisturbed);

    [Fact]
    public void Nor_does_one_where_a_processor_is_often_not_to_be_had()
    {
        // As a busy host keeps a virtual processor from its machine: for 3 ms of every 4.
        const string thief = """
            #include <time.h>
            int main(void)
            {
                struct timespec rest = { 0, 1000000 }, start, now;
                for (;;) {
                    clock_gettime(CLOCK_MONOTONIC, &start);
                    do
                        clock_gettime(CLOCK_MONOTONIC, &now);
                    while ((now.tv_sec - start.tv_sec) * 1000000000L + now.tv_nsec - start.tv_nsec < 3000000);
                    nanosleep(&rest, 0);
                }
            }
            """;
        string last = $"{Environment.ProcessorCount - 1}";
        using Process process = Process.Start("/usr/bin/chrt", ["-f", "50", "/usr/bin/taskset", "-c", last, Gcc.Compile(thief, "-O2", "thief")]);
        try
        {
            Assert.All(PatchOverAndOver(Machine.Fast(Machine.X64)), IsUndisturbed);
        }
        finally
        {
            process.Kill();
        }
    }

    // One that had done a part of its work when it was stopped ends with that, which no restart can mend.
    internal static void HasNotFailed(string end) =>
        Assert.Matches("^(\\w+ ok|write EPROTO|recv_all EPROTO) ", end);

    [Theory]
    [InlineData(Machine.X64)]
    [InlineData(Machine.IA32)]
    public void Threads_that_stop_only_after_a_stop_was_given_up_have_their_calls_issued_again(string machine)
    {
        // They get their processor late, if at all: two others spin there, which have precedence.
        using Process first = Spin(), second = Spin();
        try
        {
            using TargetProgram program = TargetProgram.Start("/usr/bin/taskset", "-c", "0", Built.Target("blocked", Machine.Fast(machine)), $"{TimeoutMilliseconds}");
            _ = program.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal));
            Assert.Equal(0, Host.Run("chrt", "-i", "-a", "-p", "0", $"{program.Id}").Code);
            try
            {
                // A hold stops all, those whose calls a stop disturbs as well.
                PatchSuspension.Start(TargetProcess.Open(program.Id), BackendKind.Ptrace, TimeSpan.FromSeconds(0.5), TimeSpan.FromSeconds(1)).Dispose();
            }
            catch (PatchException e) when (e.Id == PatchErrorId.StopTimeout)
            {
            }
            first.Kill();
            second.Kill();
            List<string> ends = [];
            while (program.TryNextLine() is { } line) ends.Add(line);
            Assert.True(ends.Count > 35, $"{ends.Count} calls");
            Assert.All(ends.Where(e => !e.StartsWith("version", StringComparison.Ordinal)), BlockedCallTests.HasNotFailed);
        }
        finally
        {
            first.Kill();
            second.Kill();
        }
    }

    [Fact]
    public void A_thread_that_stops_only_after_nobody_could_be_borrowed_has_its_call_issued_again()
    {
        const string waiter = """
            #include <stdio.h>
            #include <sys/epoll.h>
            __attribute__((noinline)) int work(int x) { __asm__ volatile("" : "+r"(x)); return x * 77 + 1000; }
            int main(void)
            {
                struct epoll_event event;
                int all = epoll_create1(0);
                puts("ready");
                fflush(stdout);
                int ready = epoll_wait(all, &event, 1, 3000);
                printf("epoll_wait %d work %d\n", ready, work(1));
            }
            """;
        using TargetProgram program = TargetProgram.Start("/usr/bin/taskset", "-c", "0", Gcc.Compile(waiter, "-O2", "waiter"));
        _ = program.WaitFor("ready");
        string patch = Gcc.Compile("int work_plug(int x) { return x; }", "-O2 -shared -fPIC", "waiter-patch.so");
        // A thread of the real-time class has its processor, but for the twentieth of each second that the kernel leaves to others.
        using Process spinner = Spin("/usr/bin/chrt", "-f", "1");
        try
        {
            _ = Patching.Apply(program, patch, "J work work_plug", options: new WriteOptions { Timeout = TimeSpan.FromSeconds(0.1) });
        }
        catch (PatchException e) when (e.Id == PatchErrorId.StopTimeout)
        {
        }
        finally
        {
            spinner.Kill();
        }
        Assert.StartsWith("epoll_wait 0", program.WaitFor(l => l.StartsWith("epoll_wait", StringComparison.Ordinal)));
    }

    // Where nobody else is to be borrowed. The call may last longer, and never fails.
    [Theory]
    [InlineData(Machine.X64)]
    [InlineData(Machine.IA32)]
    public void The_only_thread_of_a_program_does_not_notice_that_it_is_borrowed(string machine)
    {
        string blocked = Built.Target("blocked", Machine.Fast(machine));
        string[] names = [.. Built.Run(blocked, "names").Split('\n', StringSplitOptions.RemoveEmptyEntries)];
        Assert.True(names.Length > 25, $"{names.Length} calls");
        string patch = Built.Target("patches/blocked-a.so", Machine.Fast(machine));
        (string Name, TargetProgram Program)[] all = [.. names.Select(n => (n, TargetProgram.Start(blocked, $"{TimeoutMilliseconds * 3}", n)))];
        try
        {
            foreach ((_, TargetProgram program) in all) _ = program.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal));
            Thread.Sleep(100);
            foreach ((_, TargetProgram program) in all)
                Assert.Equal(LivePatchStatus.Applied, Patching.Apply(program, patch, "J version version_plug").Status);
            Assert.All(all, one =>
            {
                string[] end = one.Program.WaitFor(l => l.StartsWith(one.Name + " ", StringComparison.Ordinal)).Split(' ');
                Assert.Equal("ok", end[1]);
                Assert.True(int.Parse(end[2]) >= TimeoutMilliseconds * 3 - 100, string.Join(' ', end));
            });
        }
        finally
        {
            foreach ((_, TargetProgram program) in all) program.Dispose();
        }
    }

    [Fact]
    public void A_sleeper_that_was_borrowed_once_is_borrowed_again_and_no_other()
    {
        const string sleepers = """
            #include <pthread.h>
            #include <stdio.h>
            #include <sys/epoll.h>
            #include <time.h>
            #include <unistd.h>
            #include "target.h"
            PATCHABLE int version(void) { int v = 1; OPAQUE(v); return v; }
            static void *doze(void *unused) { for (;;) sleep(1000); return unused; }
            int main(void)
            {
                pthread_t thread;
                struct timespec from, to;
                struct epoll_event event;
                pthread_create(&thread, 0, doze, 0);
                target_ready();
                clock_gettime(CLOCK_MONOTONIC, &from);
                int n = epoll_wait(epoll_create1(0), &event, 1, 6000);
                clock_gettime(CLOCK_MONOTONIC, &to);
                printf("epoll_wait %d %ld\n", n, (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000);
                version();
            }
            """;
        string path = Gcc.Compile(sleepers, $"-O2 -pthread -I{Path.Combine(Built.Repository, "tests/targets")}", "sleepers");
        using TargetProgram program = TargetProgram.Start(path);
        _ = program.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal));
        string patch = Gcc.Compile("int version_plug(void) { return 2; }", "-O2 -shared -fPIC", "sleepers-patch.so");
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < 10 && Stopwatch.GetElapsedTime(start).TotalMilliseconds < 4000; i++)
        {
            _ = Patching.Apply(program, patch, "J version version_plug");
            _ = Patching.UndoNewest(program.Id);
        }
        string[] end = program.WaitFor(l => l.StartsWith("epoll_wait", StringComparison.Ordinal)).Split(' ');
        Assert.Equal("0", end[1]);
        Assert.InRange(int.Parse(end[2]), 5990, 6500);
    }

    // How the calls of the target ended: name, "ok" or what error, and after how many milliseconds.
    private static List<string[]> PatchOverAndOver(string[] options)
    {
        using TargetProgram program = TargetProgram.Start(Built.Target("blocked", options), $"{TimeoutMilliseconds}");
        _ = program.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal));
        string mask = File.ReadAllLines($"/proc/{program.Id}/status").Single(l => l.StartsWith("SigBlk", StringComparison.Ordinal));
        long start = Stopwatch.GetTimestamp();
        int patches = 0;
        // On a busy machine fewer fit into the time that the calls are blocked.
        for (; patches < Patches && Stopwatch.GetElapsedTime(start).TotalMilliseconds < TimeoutMilliseconds * 0.7; patches++)
        {
            if (patches > 0) _ = Patching.UndoNewest(program.Id);
            string patch = patches % 2 == 0 ? "blocked-a" : "blocked-b";
            LivePatchResult result = Patching.Apply(program, Built.Target($"patches/{patch}.so", options), "J version version_plug");
            Assert.Equal(LivePatchStatus.Applied, result.Status);
            Assert.Contains(mask, File.ReadAllLines($"/proc/{program.Id}/status"));
        }

        List<string[]> ends = [];
        while (program.TryNextLine() is { } line) ends.Add(line.Split(' '));
        Assert.True(patches >= 2, $"{patches} patches");
        Assert.Contains(ends, end => end[0] == "version" && end[1] == (patches % 2 == 0 ? "3" : "2"));
        ends.RemoveAll(end => end[0] == "version");
        Assert.True(ends.Count > 35, $"{ends.Count} calls");
        return ends;
    }

    // A woken call ends a little after the others' timeouts. One that was issued again would take as much longer as it had taken
    // before the last patch: about the whole time.
    private static void IsUndisturbed(string[] end)
    {
        Assert.Equal("ok", end[1]);
        int elapsed = int.Parse(end[2]);
        Assert.True(elapsed >= TimeoutMilliseconds - 150 && elapsed < TimeoutMilliseconds * 1.4, string.Join(' ', end));
    }

    // On the processor of the target.
    private static Process Spin(params string[] before)
    {
        string[] command = [.. before, "/usr/bin/taskset", "-c", "0", "/bin/sh", "-c", "while :; do :; done"];
        return Process.Start(command[0], command[1..])!;
    }
}
