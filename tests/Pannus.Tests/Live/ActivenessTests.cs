using Pannus.Applying;
using Pannus.Core;
using Pannus.LivePatches;
using Pannus.Safety;
using Pannus.Symbols;
using Pannus.Targets;
using Pannus.Tests.Support;

namespace Pannus.Tests.Live;

/// <summary>A thread inside the function that is to be replaced is found, however its stack looks.</summary>
public sealed class ActivenessTests
{
    private static readonly WriteOptions s_hurry = new() { Timeout = TimeSpan.FromSeconds(0.2) };

    public static TheoryData<string, string> Stacks()
    {
        TheoryData<string, string> all = [];
        foreach (string flags in (string[])["-O2", "-O0", "-O2 -fno-omit-frame-pointer", "-O2 -fno-asynchronous-unwind-tables -fno-unwind-tables",
            "-O2 -m32", "-O0 -m32"])
        {
            foreach (string way in (string[])["spin", "sleep", "callback", "interrupted", "recursion", "expression", "realigned", "handler", "noreturn"])
                all.Add(way, flags);
        }
        return all;
    }

    [Theory]
    [MemberData(nameof(Stacks))]
    public async Task Refuses_while_a_thread_is_inside_and_applies_after_it_has_left(string way, string flags)
    {
        using TargetProgram program = Enter(way, flags);
        string name = way == "noreturn" ? "last_call" : "work", commands = $"J {name} {name}_plug";
        PatchException error = RefusedAsActive(program, commands, s_hurry, flags);
        Assert.True(error.Message.Contains($"{name}+0x"), error.Message);
        Assert.Contains("<-- ", error.Message);
        if (!flags.Contains("-fno-asynchronous")) Assert.Contains("<-- inside", error.Message);

        Task<LivePatchResult> patching = Task.Run(() => Apply(program, commands, new WriteOptions(), flags));
        await Task.Delay(50);
        Assert.False(patching.IsCompleted);
        program.Say("leave");
        Assert.Equal(LivePatchStatus.Applied, (await patching).Status);
        _ = program.WaitFor("left");
        program.Say("value");
        Assert.Equal(way == "noreturn" ? "value 1" : "value 2", program.WaitFor(l => l.StartsWith("value", StringComparison.Ordinal)));
    }

    [Fact]
    public void The_check_of_2004_sees_only_the_entry()
    {
        using TargetProgram program = Enter("sleep", "-O2");
        Assert.Equal(LivePatchStatus.Applied, Apply(program, "J work work_plug", new WriteOptions { SafetyCheck = SafetyCheck.Entry }).Status);
        program.Say("leave");
        _ = program.WaitFor("left");
    }

    [Fact]
    public void A_coroutine_is_found_by_the_scan_of_memory_alone()
    {
        using TargetProgram program = Enter("coroutine", "-O2");
        PatchException error = RefusedAsActive(program, "J work work_plug", s_hurry with { ScanMemory = true });
        Assert.Contains("that no thread is on", error.Message);
        Assert.Contains("work+0x", error.Message);
        Assert.Equal(LivePatchStatus.Applied, Apply(program, "J work work_plug", new WriteOptions()).Status);
        program.Say("leave");
        _ = program.WaitFor("left");
    }

    [Fact]
    public void A_scan_of_memory_finds_nothing_where_there_is_nothing()
    {
        using TargetProgram program = Enter("sleep", "-O2");
        program.Say("leave");
        _ = program.WaitFor("left");
        using TargetProcess target = TargetProcess.Open(program.Id);
        ResolvedSymbol function = new SymbolResolver(target).Resolve("recurse");
        PatchSafety safety = PatchTransaction.Check(target, [new AddressRange(function.Address, function.Size)], s_hurry with { ScanMemory = true });
        Assert.True(safety.IsSafe, string.Join("\n", safety.Backtrace));
    }

    [Fact]
    public void A_backtrace_names_every_frame()
    {
        using TargetProgram program = Enter("callback", "-O2");
        using TargetProcess target = TargetProcess.Open(program.Id);
        ResolvedSymbol function = new SymbolResolver(target).Resolve("work");
        PatchSafety safety = PatchTransaction.Check(target, [new AddressRange(function.Address, function.Size)], s_hurry);
        Assert.False(safety.IsSafe);
        Assert.Equal(FoundBy.Unwound, safety.FoundBy);
        Assert.StartsWith("work+0x", safety.Symbol);
        string[] names = ["read+0x", "stay+0x", "compare+0x", "qsort", "work+0x", "visitor+0x"];
        int at = 0;
        foreach (string line in safety.Backtrace)
            if (at < names.Length && line.Contains(names[at])) at++;
        Assert.True(at == names.Length, string.Join("\n", safety.Backtrace));
        Assert.Single(safety.Backtrace, l => l.EndsWith("(active)  <-- inside", StringComparison.Ordinal));
    }

    [Fact]
    public void A_patch_over_a_patch_waits_for_threads_in_the_first()
    {
        // The first patch's function sleeps; the second must not replace it meanwhile.
        using TargetProgram program = Start("sleep", "-O2");
        string sleeping = Gcc.Compile("void stay(void); int work_plug(int how) { if (how) stay(); __asm__ volatile(\"\"); return 2; }", "-O2 -shared -fPIC", "sleeping.so");
        Assert.Equal(LivePatchStatus.Applied, Patching.Apply(program, sleeping, "J work work_plug").Status);
        program.Say("enter");
        _ = program.WaitFor("inside");
        Thread.Sleep(50);
        PatchException error = RefusedAsActive(program, "J work work_plug", s_hurry);
        Assert.True(error.Message.Contains("work_plug+0x"), error.Message);
        program.Say("leave");
        _ = program.WaitFor("left");
        Assert.Equal(LivePatchStatus.Applied, Apply(program, "J work work_plug", new WriteOptions()).Status);
    }

    // On a busy machine the short time may be over before anything could be stopped.
    private static PatchException RefusedAsActive(TargetProgram program, string commands, WriteOptions options, string flags = "")
    {
        PatchException error;
        int tries = 20;
        do error = Patching.Refused(program, () => Apply(program, commands, options, flags));
        while (error.Id == PatchErrorId.StopTimeout && --tries > 0);
        Assert.Equal(PatchErrorId.FunctionActive, error.Id);
        return error;
    }

    private static TargetProgram Enter(string way, string flags)
    {
        TargetProgram program = Start(way, flags);
        program.Say("enter");
        _ = program.WaitFor("inside");
        Thread.Sleep(20);
        return program;
    }

    private static TargetProgram Start(string way, string flags)
    {
        TargetProgram program = TargetProgram.Start(Built.Target("active", "CFLAGS=" + flags, "PROGRAMS=active", "PATCHES="), way);
        _ = program.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal));
        return program;
    }

    private static LivePatchResult Apply(TargetProgram program, string commands, WriteOptions options, string flags = "") => Patching.Apply(
        program, Built.Target("patches/active.so", "CFLAGS=-O2", flags.Contains("-m32") ? "PATCH_CFLAGS=-O2 -m32" : "PATCH_CFLAGS=-O2", "PROGRAMS=active",
            "PATCHES=active.so"), commands, options: options);
}
