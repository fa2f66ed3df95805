using Pannus.Applying;
using Pannus.Borrowing;
using Pannus.Core;
using Pannus.Holding;
using Pannus.Linux;
using Pannus.LivePatches;
using Pannus.Machines;
using Pannus.Targets;
using Pannus.Tests.Support;

namespace Pannus.Tests.Live;

/// <summary>
/// Nobody gains a right by a patch, and no other process than the target is touched: hostile targets, targets that become
/// another program, and ids that are another's by then.
/// </summary>
public sealed class HarmTests
{
    private const string Jump = "J work work_plug";
    private static readonly TimeSpan s_time = TimeSpan.FromSeconds(5);

    [Theory]
    [InlineData(Machine.X64)]
    [InlineData(Machine.IA32)]
    public void A_confined_target_that_rewrites_what_a_borrowed_thread_runs_stays_confined(string machine)
    {
        string[] fast = Machine.Fast(machine);
        string directory = Directory.CreateTempSubdirectory("pannus-").FullName, escaped = $"{directory}/escaped";
        using TargetProgram program = TargetProgram.Start(Built.Target("escape", fast), escaped);
        _ = program.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal));
        using (TargetProcess target = TargetProcess.Open(program.Id))
            program.Say($"attack {CodeCave.Find(target, target.Architecture.Remote.Stub.Length):x}");
        _ = program.WaitFor("value 2 attacks 0");
        // Whoever overwrites code while it runs may well end itself by that.
        for (int round = 0; round < 10 && !program.HasExited; round++)
        {
            try
            {
                _ = Patching.Apply(program, Built.Target("patches/threads.so", fast), Jump);
                _ = Patching.UndoNewest(program.Id);
            }
            catch (PatchException e)
            {
                Assert.Contains(e.Id, (PatchErrorId[])[PatchErrorId.StopTimeout, PatchErrorId.TargetNotFound]);
            }
            Assert.False(Directory.Exists(escaped), "it has made a directory");
        }
        Directory.Delete(directory);
    }

    // What the racing thread of the test above does at best: its code is there before the borrowed thread is.
    [Theory]
    [InlineData(Machine.X64)]
    [InlineData(Machine.IA32)]
    public void A_thread_that_is_led_to_another_call_makes_it_under_its_filter_and_the_patcher_gives_up(string machine)
    {
        string[] fast = Machine.Fast(machine);
        string directory = Directory.CreateTempSubdirectory("pannus-").FullName, escaped = $"{directory}/escaped";
        using TargetProgram program = TargetProgram.Start(Built.Target("escape", fast), escaped);
        _ = program.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal));
        using TargetProcess target = TargetProcess.Open(program.Id);
        target.CheckStillThere();
        ProcessMemory memory = target.WritableMemory;
        RemoteAbi abi = target.Architecture.Remote;
        var remote = new RemoteProgram(abi, [new RemoteStep("munmap", abi.Munmap, RemoteStepFlags.None)], escaped);
        ulong stub = CodeCave.Find(target, abi.Stub.Length);
        var stack = new RemoteStack(remote, stub);
        byte[] kept = new byte[abi.Stub.Length];
        _ = memory.Read(stub, kept);
        bool? isDone = null;
        TracerThread.Run("test", target, () =>
        {
            using var thread = new BorrowedThread();
            Assert.True(thread.TryTake(target, program.Id, s_time, new TracerPlacement()));
            stack.Place(thread);
            _ = memory.Write(stack.Start, stack.Bytes);
            _ = memory.Write(stub, MakesDirectory(machine, abi, stack.TextAddress));
            var run = new RemoteRun(remote, stack, stub);
            isDone = run.TryRun(thread, memory);
            _ = run.TryGiveUp(thread);
            _ = thread.Release();
        });
        _ = memory.Write(stub, kept);
        Assert.False(isDone);
        Assert.False(Directory.Exists(escaped));
        Assert.Equal("value 2 attacks 0", Value(program));
        Directory.Delete(directory);
    }

    // mov eax, mkdir; mov rdi or ebx, path; mov esi or ecx, 0777; syscall or int 0x80; jmp to the beginning.
    private static byte[] MakesDirectory(string machine, RemoteAbi abi, ulong path) => machine == Machine.X64
        ? [.. new byte[6], 0xb8, 83, 0, 0, 0, 0x48, 0xbf, .. abi.Word.Bytes(path), 0xbe, 0xff, 1, 0, 0, 0x0f, 0x05, 0xeb, 0xe8]
        : [.. new byte[5], 0xb8, 39, 0, 0, 0, 0xbb, .. abi.Word.Bytes(path), 0xb9, 0xff, 1, 0, 0, 0xcd, 0x80, 0xeb, 0xed];

    [Fact]
    public void A_target_that_has_become_another_program_is_not_borrowed_from_though_its_old_memory_lives_on()
    {
        using TargetProgram program = Turncoat(out TargetProcess target);
        using (target)
        {
            Assert.Equal(PatchErrorId.TargetReplaced, Assert.Throws<PatchException>(target.CheckStillThere).Id);
            PatchException error = Assert.Throws<PatchException>(() => TracerThread.Run("test", target, () =>
            {
                using var thread = new BorrowedThread();
                _ = thread.TryTake(target, program.Id, s_time, new TracerPlacement());
            }));
            Assert.Equal(PatchErrorId.TargetReplaced, error.Id);
        }
        WaitUntilAsleep(program);
    }

    [Fact]
    public void A_target_that_has_become_another_program_is_known_in_the_hold()
    {
        using TargetProgram program = Turncoat(out TargetProcess target);
        using (target)
        {
            bool? isOfTarget = null;
            TracerThread.Run("test", target, () =>
            {
                using var tracees = new Tracees(target);
                tracees.SeizeAll(leaveSleepers: false);
                Assert.True(tracees.StopAll(s_time, long.MaxValue, null));
                isOfTarget = tracees.IsOfTarget();
                tracees.DetachAll();
            });
            Assert.False(isOfTarget);
        }
    }

    [Fact]
    public void A_thread_whose_id_belongs_to_another_process_by_then_is_not_stopped()
    {
        using TargetProgram program = Start("threads", "1"), other = Start("threads", "1");
        using TargetProcess target = TargetProcess.Open(program.Id);
        target.CheckStillThere();
        bool isTaken = true;
        char state = '?';
        TracerThread.Run("test", target, () =>
        {
            using var thread = new BorrowedThread();
            isTaken = thread.TryTake(target, other.Id, s_time, new TracerPlacement());
            state = other.State;
        });
        Assert.False(isTaken);
        Assert.DoesNotContain(state, "tT");
        Assert.Equal("value 2", Value(other));
    }

    [Fact]
    public void A_thread_in_a_restartable_sequence_is_led_to_its_abort_handler()
    {
        using TargetProgram program = Start("counters", "4");
        for (int round = 0; round < 8; round++)
        {
            Assert.Equal(LivePatchStatus.Applied, Patching.Apply(program, Built.Target("patches/threads.so"), Jump).Status);
            _ = Patching.UndoNewest(program.Id);
        }
        program.Say("value");
        Assert.Equal("counted 1 lost 0", program.WaitFor(l => l.StartsWith("counted", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_target_that_has_its_own_calls_sent_back_to_it_is_refused_and_goes_on()
    {
        using TargetProgram program = Start("dispatch");
        PatchException error = Patching.Refused(
            program, () => Patching.Apply(program, Built.Target("patches/threads.so"), Jump));
        Assert.Equal(PatchErrorId.SeccompBlocked, error.Id);
        Assert.Contains("PR_SET_SYSCALL_USER_DISPATCH", error.Message);
        Assert.Equal("value 2", Value(program));
    }

    [Theory]
    [InlineData(Machine.X64)]
    [InlineData(Machine.IA32)]
    public void A_call_that_the_kernel_goes_on_with_is_no_call_of_a_confined_target(string machine)
    {
        string[] fast = Machine.Fast(machine);
        using TargetProgram program = TargetProgram.Start(Built.Target("restart", fast));
        _ = program.WaitFor(l => l.StartsWith("slept", StringComparison.Ordinal));
        for (int round = 0; round < 6; round++)
        {
            Assert.Equal(LivePatchStatus.Applied, Patching.Apply(program, Built.Target("patches/threads.so", fast), Jump).Status);
            _ = program.WaitFor(l => l.EndsWith("value 3", StringComparison.Ordinal));
            Thread.Sleep(100);
            using (PatchSuspension.Start(TargetProcess.Open(program.Id), Backends.BackendKind.Auto, s_time, s_time)) { }
            _ = Patching.UndoNewest(program.Id);
            // As long as it would have slept: the kernel counts on.
            long slept = long.Parse(program.WaitFor(l => l.EndsWith("value 2", StringComparison.Ordinal)).Split(' ')[1]);
            Assert.InRange(slept, 299, 390);
        }
    }

    private static TargetProgram Turncoat(out TargetProcess target)
    {
        TargetProgram program = Start("turncoat", "/bin/sleep", "60");
        target = TargetProcess.Open(program.Id);
        target.CheckStillThere();
        program.Say("exec");
        while (!File.ReadAllText($"/proc/{program.Id}/comm").StartsWith("sleep", StringComparison.Ordinal)) Thread.Sleep(5);
        WaitUntilAsleep(program);
        return program;
    }

    private static void WaitUntilAsleep(TargetProgram program)
    {
        var clock = System.Diagnostics.Stopwatch.StartNew();
        while (program.State != 'S') Assert.True(clock.Elapsed < TargetProgram.Patience, $"it is in state {program.State}");
    }

    private static TargetProgram Start(string name, params string[] arguments)
    {
        TargetProgram program = TargetProgram.Start(Built.Target(name), arguments);
        _ = program.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal));
        return program;
    }

    private static string Value(TargetProgram program)
    {
        program.Say("value");
        return program.WaitFor(l => l.StartsWith("value", StringComparison.Ordinal));
    }
}
