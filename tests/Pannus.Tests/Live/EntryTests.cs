using Pannus.Applying;
using Pannus.Core;
using Pannus.Images;
using Pannus.Journal;
using Pannus.LivePatches;
using Pannus.Symbols;
using Pannus.Targets;
using Pannus.Tests.Support;

namespace Pannus.Tests.Live;

/// <summary>Entries that are hard to overwrite, of a program whose threads call them all the time (tests/targets/entry.c).</summary>
public sealed class EntryTests
{
    private static readonly string[] s_names =
    [
        "plain", "loads", "branches", "calls", "calls_pointer", "recurses", "switches", "nops_5", "nops_2", "nops_7_5",
        "asm_short", "asm_loops", "asm_jumps", "asm_tail", "asm_pushes",
    ];

    /// <summary>A compiler, and its options.</summary>
    public static TheoryData<string, string> Compilers => new()
    {
        { "gcc", "-O0" },
        { "gcc", "-O1" },
        { "gcc", "-O2" },
        { "gcc", "-O3 -fcf-protection=full" },
        { "gcc", "-O2 -fpatchable-function-entry=5" },
        { "gcc", "-O2 -fpatchable-function-entry=2" },
        { "gcc", "-O2 -fpatchable-function-entry=7,5 -fcf-protection=full" },
        { "gcc", "-Os" },
        { "clang", "-O0" },
        { "clang", "-O1" },
        { "clang", "-O2" },
        { "clang", "-O3 -fcf-protection=full" },
        { "clang", "-O2 -fpatchable-function-entry=7,5" },
        { "gcc", "-O2 -m32" },
        { "gcc", "-O2 -m32 -fno-pic -no-pie -fcf-protection=full" },
        { "clang", "-O2 -m32" },
    };

    [Theory]
    [MemberData(nameof(Compilers))]
    public void Replaces_functions_with_every_kind_of_entry(string compiler, string flags)
    {
        string[] variables = Variables(flags, compiler);
        using TargetProgram program = Start(variables);
        int[] before = Values(program);
        Assert.Equal(LivePatchStatus.Applied, Apply(program, variables).Status);
        Assert.Equal(before.Select(v => v + 1000), Values(program));
        Assert.Equal(LivePatchStatus.AlreadyApplied, Apply(program, variables).Status);
        Assert.Equal("failed 0", Quit(program));
    }

    [Theory]
    [MemberData(nameof(Compilers))]
    public void Calls_the_original_of_every_kind_of_entry(string compiler, string flags)
    {
        string[] variables = Variables(flags, compiler);
        using TargetProgram program = Start(variables);
        int[] before = Values(program);
        Assert.Equal(LivePatchStatus.Applied, Apply(program, variables, "entry-original").Status);
        Assert.Equal(before.Select(v => v + 1000), Values(program));
        Assert.Equal(LivePatchStatus.AlreadyApplied, Apply(program, variables, "entry-original").Status);
        Assert.Equal("failed 0", Quit(program));
    }

    [Theory]
    [InlineData("-O2 -m32 -fPIC -no-pie")]
    [InlineData("-O2 -m32 -fPIC -pie")]
    public void The_original_of_a_function_that_asks_for_its_own_address_at_once_gets_the_right_one(string flags)
    {
        string[] variables = Variables(flags);
        using TargetProgram program = Start(variables);
        using (TargetProcess target = TargetProcess.Open(program.Id))
        {
            var symbols = new SymbolResolver(target);
            ulong entry = symbols.Resolve("calls_pointer").Address;
            byte[] code = new byte[5];
            _ = target.Memory.Read(entry, code);
            Assert.Equal((0xe8, (uint)symbols.Resolve("__x86.get_pc_thunk.ax").Address),
                (code[0], (uint)entry + 5 + BitConverter.ToUInt32(code, 1)));
        }
        int[] before = Values(program);
        Assert.Equal(LivePatchStatus.Applied, Apply(program, variables, "entry-original").Status);
        Assert.Equal(before.Select(v => v + 1000), Values(program));
        Assert.Equal("failed 0", Quit(program));
    }

    [Fact]
    public void The_original_is_the_programs_own_code_whatever_patches_are_in_force()
    {
        string[] variables = Variables("-O2");
        using TargetProgram program = Start(variables);
        int[] before = Values(program);
        foreach (string patch in (string[])["entry", "entry-original"])
        {
            Assert.Equal(LivePatchStatus.Applied, Apply(program, variables, patch).Status);
            Assert.Equal(before.Select(v => v + 1000), Values(program));
        }
        Assert.Equal("failed 0", Quit(program));
    }

    [Fact]
    public void An_object_calls_the_original_too_also_one_that_an_alias_names()
    {
        string[] variables = Variables("-O2");
        using TargetProgram program = Start(variables);
        string patch = Gcc.Compile("""
            int plain__original(int);
            int old_loads__original(int);
            int plain_plug(int x) { return plain__original(x) + 1000; }
            int loads_plug(int x) { return old_loads__original(x) + 1000; }
            """, "-c -O2 -fPIC", "original.o");
        _ = Patching.Apply(program, patch, "J plain plain_plug\nJ entry!loads loads_plug\nalias old_loads__original entry!loads");
        Assert.Equal([1004, 1005, 6], Values(program)[..3]);
        Assert.Equal("failed 0", Quit(program));
    }

    [Fact]
    public void Refuses_the_original_of_what_is_not_replaced()
    {
        string[] variables = Variables("-O2");
        using TargetProgram program = Start(variables, 0);
        string patch = Gcc.Compile("""
            int loads__original(int);
            int plug(int x) { return loads__original(x) + 1000; }
            int another(int x) { return x; }
            """, "-shared -O2 -fPIC", "none.so");
        PatchException error = Patching.Refused(program, () => Patching.Apply(program, patch, "J plain plug"));
        Assert.Equal(PatchErrorId.SymbolNotFound, error.Id);
        Assert.Contains("there is no J for such a function", error.Message);
    }

    [Fact]
    public void Refuses_an_original_that_could_be_two_and_takes_an_alias()
    {
        using TargetProgram program = TargetProgram.Start(Built.Target("library", "CFLAGS=-O2"));
        _ = program.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal));
        string patch = Gcc.Compile("""
            int helper__original(int x);
            int plug(int x) { return helper__original(x); }
            int another(int x) { return x; }
            """, "-shared -O2 -fPIC", "two.so");
        const string commands = "J a.c:helper plug\nJ b.c:helper another\n";
        PatchException error = Patching.Refused(program, () => Patching.Apply(program, patch, commands));
        Assert.Equal(PatchErrorId.SymbolAmbiguous, error.Id);
        Assert.Contains("alias helper__original a.c:helper", error.Message);
        Assert.Equal(LivePatchStatus.Applied, Patching.Apply(program, patch, commands + "alias helper__original a.c:helper").Status);
    }

    [Fact]
    public void Shows_both_jumps_of_a_function_that_is_too_short_for_one()
    {
        string[] variables = Variables("-O2");
        using TargetProgram program = Start(variables);
        using TargetProcess target = TargetProcess.Open(program.Id);
        using PatchFile patch = PatchFile.Open(Built.Target("patches/entry.so", variables));
        LivePatchPlan plan = LivePatch.Plan(target, Patching.Request(patch, "J asm_short asm_short_plug\nJ nops_7_5 nops_7_5_plug"));
        Assert.Equal(2, plan.Result.Jumps);
        Assert.Equal(
            [PlannedWriteKind.PaddingJump, PlannedWriteKind.Jump, PlannedWriteKind.PaddingJump, PlannedWriteKind.Jump], plan.Writes.Select(w => w.Kind));
        Assert.All(plan.Writes.Where(w => w.Kind == PlannedWriteKind.PaddingJump), w => Assert.StartsWith("e9", w.NewBytes));
        Assert.All(plan.Writes.Where(w => w.Kind == PlannedWriteKind.Jump), w => Assert.StartsWith("eb", w.NewBytes));
        Assert.Equal(["9090909090", "9090"], plan.Writes.Skip(2).Select(w => w.OldBytes));
        Assert.Equal(plan.Writes[3].Address - 5, plan.Writes[2].Address);
    }

    [Fact]
    public void Refuses_a_function_that_a_debugger_has_set_a_breakpoint_on()
    {
        string[] variables = Variables("-O2");
        using TargetProgram program = Start(variables, 0);
        using (TargetProcess target = TargetProcess.Open(program.Id))
        {
            ulong address = new SymbolResolver(target).Resolve("switches").Address;
            Assert.Equal(1, target.WritableMemory.Write(address, [0xcc]));
        }
        PatchException error = Patching.Refused(program, () => Patching.Apply(
            program, Built.Target("patches/entry.so", variables), "J switches switches_plug"));
        Assert.Equal(PatchErrorId.CodeChanged, error.Id);
        Assert.Contains("is cc", error.Message);
    }

    private static string[] Variables(string flags, string compiler = "gcc") =>
        ["CC=" + compiler, "CFLAGS=" + flags, "PROGRAMS=entry", "PATCHES=entry.so entry-original.so",
            flags.Contains("-m32") ? "PATCH_CFLAGS=-O2 -m32" : "PATCH_CFLAGS=-O2"];

    private static TargetProgram Start(string[] variables, int threads = 2)
    {
        TargetProgram program = TargetProgram.Start(Built.Target("entry", variables), $"{threads}");
        _ = program.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal));
        return program;
    }

    private static LivePatchResult Apply(TargetProgram program, string[] variables, string patch = "entry") => Patching.Apply(program,
        Built.Target($"patches/{patch}.so", variables),
        File.ReadAllText(Path.Combine(Built.Repository, "tests/targets/patches/entry.cmd")),
        // The machine may have other work to do than to let busy threads stop.
        options: new WriteOptions { Timeout = TimeSpan.FromSeconds(20) });

    private static int[] Values(TargetProgram program)
    {
        program.Say("value");
        string[] lines = [.. s_names.Select(_ => program.NextLine())];
        Assert.Equal(s_names, lines.Select(l => l.Split(' ')[0]));
        return [.. lines.Select(l => int.Parse(l.Split(' ')[1]))];
    }

    private static string Quit(TargetProgram program)
    {
        program.Say("quit");
        return program.WaitFor(l => l.StartsWith("failed", StringComparison.Ordinal));
    }
}
