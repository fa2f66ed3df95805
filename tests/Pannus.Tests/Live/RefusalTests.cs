using System.Diagnostics;
using Pannus.Applying;
using Pannus.Backends;
using Pannus.Core;
using Pannus.Elf;
using Pannus.Fleet;
using Pannus.Images;
using Pannus.Journal;
using Pannus.Linux;
using Pannus.LivePatches;
using Pannus.Machines;
using Pannus.Symbols;
using Pannus.Targets;
using Pannus.Tests.Support;

namespace Pannus.Tests.Live;

/// <summary>What is refused, and that nothing is left of the try: <see cref="Patching.Refused"/> compares before and after.</summary>
public sealed class RefusalTests
{
    private const string Jump = "J func_J func_J_plug";

    [Theory]
    [InlineData("J no_such_function func_J_plug", PatchErrorId.SymbolNotFound, "no_such_function")]
    [InlineData("J func_J no_such_plug", PatchErrorId.SymbolNotFound, "no_such_plug")]
    [InlineData("J nosuch.so!func_J func_J_plug", PatchErrorId.SymbolNotFound, "libc.so.6")]
    [InlineData("V str_V 000102030405060708090a0b0c0d0e0f1011", PatchErrorId.SymbolSizeMismatch, "17 bytes")]
    [InlineData("V func_J 00", PatchErrorId.CommandInvalid, "not a variable")]
    [InlineData("J str_V func_J_plug", PatchErrorId.CommandInvalid, "not a function")]
    [InlineData("P func_J str_P_plug", PatchErrorId.CommandInvalid, "not a pointer")]
    [InlineData("V str_V+4 00\nV str_V+5 0000\n", null, "")]
    [InlineData("V str_V+4 0000\nV str_V+5 00\n", PatchErrorId.CommandInvalid, "overwrite the same bytes")]
    [InlineData("build-id 00112233\nJ func_J func_J_plug", PatchErrorId.BuildIdMismatch, "00112233")]
    [InlineData("requires 1234\nJ func_J func_J_plug", PatchErrorId.LivePatchRequired, "requires the patch 1234")]
    public void Refuses_wrong_commands(string commands, PatchErrorId? id, string text)
    {
        using TargetProgram program = Start();
        if (id is null)
        {
            Assert.Equal(LivePatchStatus.Applied, Patching.Apply(program, Built.Sample("patch.so"), commands).Status);
            return;
        }
        PatchException error = Patching.Refused(program, () => Patching.Apply(program, Built.Sample("patch.so"), commands));
        Assert.Equal(id, error.Id);
        Assert.Contains(text, error.Message);
    }

    [Fact]
    public void Refuses_a_patch_that_needs_what_the_target_has_not()
    {
        using TargetProgram program = Start();
        string patch = Gcc.Compile("int nowhere(void); int func_J_plug(void) { return nowhere(); }", "-shared -fPIC", "needs.so");
        PatchException error = Patching.Refused(program, () => Patching.Apply(program, patch, Jump));
        Assert.Equal(PatchErrorId.SymbolNotFound, error.Id);
        Assert.Contains("nowhere", error.Message);
    }

    [Fact]
    public void Refuses_a_patch_with_a_constructor()
    {
        using TargetProgram program = Start();
        string patch = Gcc.Compile("int x; __attribute__((constructor)) void begin(void) { x = 1; } void func_J_plug(void) { }", "-shared -fPIC", "ctor.so");
        PatchException error = Patching.Refused(program, () => Patching.Apply(program, patch, Jump));
        Assert.Equal(PatchErrorId.ConstructorUnsupported, error.Id);
        Assert.Contains("begin", error.Message);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(4194305)]
    [InlineData(int.MaxValue)]
    public void Refuses_a_process_that_is_not_there(int id) =>
        Assert.Equal(PatchErrorId.TargetNotFound, Assert.Throws<PatchException>(() => TargetProcess.Open(id)).Id);

    [Fact]
    public void Refuses_itself_and_kernel_threads()
    {
        Assert.Equal(PatchErrorId.AccessDenied, Assert.Throws<PatchException>(() => TargetProcess.Open(Environment.ProcessId)).Id);
        Assert.Contains("kernel thread", Assert.Throws<PatchException>(() => TargetProcess.Open(2)).Message);
    }

    [Fact]
    public void Refuses_another_process_of_the_same_id()
    {
        using TargetProgram program = Start();
        ulong ticks = TargetCatalog.Get(program.Id).StartTicks;
        TargetProcess.Open(program.Id, ticks).Dispose();
        Assert.Equal(PatchErrorId.TargetReplaced, Assert.Throws<PatchException>(() => TargetProcess.Open(program.Id, ticks + 1)).Id);
    }

    [Theory]
    [InlineData("-O2 -m32", "-O2", "-m32")]
    [InlineData("-O2", "-O2 -m32", "-m64")]
    public void Refuses_a_patch_for_another_architecture(string targetFlags, string patchFlags, string remedy)
    {
        using TargetProgram program = TargetProgram.Start(Built.Sample("target", "CFLAGS=" + targetFlags), "20");
        _ = program.WaitFor("func_J of target.");
        string patch = Built.Sample("patch.so", "CFLAGS=" + patchFlags);
        PatchException error = Patching.Refused(program, () => Patching.Apply(program, patch, Jump));
        Assert.Equal(PatchErrorId.ArchitectureMismatch, error.Id);
        Assert.Contains(remedy, error.Message);

        using TargetProcess target = TargetProcess.Open(program.Id);
        using PatchFile file = PatchFile.Open(patch);
        Assert.Equal(PatchErrorId.ArchitectureMismatch, Assert.Throws<PatchException>(() =>
            PatchLoader.Mount(target, file, new ResolverOptions(), BackendKind.Auto, TimeSpan.FromSeconds(3))).Id);
    }

    [Theory]
    [InlineData(62, "X32", "x32")]
    [InlineData(40, "40", "ELF machine 40")]
    public void Refuses_a_program_of_another_architecture_by_name(byte machine, string name, string text)
    {
        // A header of 32 bits without anything behind it.
        byte[] file = new byte[52];
        ReadOnlySpan<byte> identification = [0x7f, (byte)'E', (byte)'L', (byte)'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, machine];
        identification.CopyTo(file);
        using ElfImage image = ElfImage.FromBytes(file, "program");
        Assert.Equal(name, TargetArchitecture.NameOf(image));
        PatchException error = TargetAccess.WhyWrongArchitecture("program (1)", image, ProcessStatus.TryRead(Environment.ProcessId)!)!;
        Assert.Equal(PatchErrorId.ArchitectureMismatch, error.Id);
        Assert.Contains(text, error.Message);
    }

    [Fact]
    public void A_target_that_exits_meanwhile_is_reported_as_gone()
    {
        using PatchFile patch = PatchFile.Open(Built.Sample("patch.so"));
        TargetProgram program = Start();
        using TargetProcess target = TargetProcess.Open(program.Id);
        _ = LivePatch.Plan(target, Patching.Request(patch, Jump));
        program.Dispose();
        PatchException error = Assert.Throws<PatchException>(() => LivePatch.Apply(target, Patching.Request(patch, Jump)));
        Assert.Equal(PatchErrorId.TargetNotFound, error.Id);
    }

    [Fact]
    public void A_target_that_starts_another_program_meanwhile_is_not_written_to()
    {
        using PatchFile patch = PatchFile.Open(Built.Sample("patch.so"));
        using TargetProgram program = TargetProgram.Start("/bin/sh", "-c", "read line; exec sleep 60");
        Thread.Sleep(200);
        using TargetProcess target = TargetProcess.Open(program.Id);
        _ = target.Modules;
        program.Say("go");
        while (!File.ReadAllText($"/proc/{program.Id}/comm").StartsWith("sleep", StringComparison.Ordinal)) Thread.Sleep(5);
        PatchException error = Assert.Throws<PatchException>(() => PatchTransaction.Write(
            target, [new PlannedWrite { Id = program.Id, Kind = PlannedWriteKind.Memory, Symbol = "", Module = "", Destination = "",
                Address = target.Executable.Start, Old = [0x7f], New = [0] }], new WriteOptions()));
        Assert.Equal(PatchErrorId.TargetReplaced, error.Id);
    }

    [Fact]
    public void A_target_that_is_stopped_is_patched_and_stays_stopped()
    {
        using TargetProgram program = Start();
        program.Signal("STOP");
        while (program.State != 'T') Thread.Sleep(1);
        Assert.Equal(LivePatchStatus.Applied, Patching.Apply(program, Built.Sample("patch.so"), Jump).Status);
        Thread.Sleep(50);
        Assert.Equal('T', program.State);
        program.Signal("CONT");
        _ = program.WaitFor("func_J of plug.");
    }

    [Fact]
    public void A_target_with_a_debugger_is_refused_and_the_debugger_named()
    {
        using TargetProgram program = Start();
        using Process gdb = Process.Start(new ProcessStartInfo("gdb", ["-q", "-p", $"{program.Id}", "-ex", "continue"])
        { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true })!;
        try
        {
            while (!File.ReadAllText($"/proc/{program.Id}/status").Contains($"TracerPid:\t{gdb.Id}")) Thread.Sleep(5);
            PatchException error = Assert.Throws<PatchException>(() => Patching.Apply(program, Built.Sample("patch.so"), Jump));
            Assert.Equal(PatchErrorId.TargetTraced, error.Id);
            Assert.Contains($"gdb ({gdb.Id})", error.Message);
        }
        finally
        {
            gdb.Kill();
            gdb.WaitForExit();
        }
    }

    [Fact]
    public async Task Two_patchers_at_once_take_turns_or_the_second_is_told_who_the_first_is()
    {
        using TargetProgram program = Start();
        using PatchSuspension hold = PatchSuspension.Start(TargetProcess.Open(program.Id), BackendKind.Auto,
            TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(20));
        var hurry = new WriteOptions { Timeout = TimeSpan.FromSeconds(0.2) };
        PatchException error = await Assert.ThrowsAsync<PatchException>(() => Task.Run(() => Patching.Apply(program, Built.Sample("patch.so"), Jump, options: hurry)));
        Assert.Equal(PatchErrorId.TargetBusy, error.Id);
        Assert.Contains($"({Environment.ProcessId})", error.Message);
        hold.Resume();
        Assert.Equal(LivePatchStatus.Applied, Patching.Apply(program, Built.Sample("patch.so"), Jump).Status);
    }

    [Fact]
    public void A_cancelled_patch_leaves_no_trace()
    {
        using TargetProgram program = TargetProgram.Start(Built.Target("stuck", "CFLAGS=-O2"));
        _ = program.NextLine();
        using var cancellation = new CancellationTokenSource(TimeSpan.FromSeconds(0.3));
        PatchException error = Patching.Refused(program, () => Patching.Apply(program, Built.Target("patches/stuck.so", "CFLAGS=-O2"),
            "J stuck stuck_plug", options: new WriteOptions { Timeout = TimeSpan.FromMinutes(1) }, cancellation: cancellation.Token));
        Assert.Equal(PatchErrorId.Interrupted, error.Id);
    }

    [Fact]
    public void A_hold_ends_at_its_deadline_whoever_forgets_it()
    {
        using TargetProgram program = Start();
        using PatchSuspension hold = PatchSuspension.Start(TargetProcess.Open(program.Id), BackendKind.Auto,
            TimeSpan.FromSeconds(3), TimeSpan.FromMilliseconds(100));
        Assert.True(hold.IsHeld);
        _ = program.WaitFor("func_J of target.");
        _ = program.WaitFor("func_J of target.");
        Assert.False(hold.IsHeld);
        Assert.Equal(PatchErrorId.StopTimeout, Assert.Throws<PatchException>(() => hold.Check([new AddressRange(0, 1)])).Id);
    }

    [Fact]
    public void Another_user_is_refused_with_the_reason_and_patches_what_is_its_own()
    {
        // Pannus runs as nobody, which may trace only its own.
        const int nobody = 65534;
        using TargetProgram roots = Start();
        string[] files = [Host.Readable(Built.Sample("patch.so")), "-", Host.Readable(Built.Sample("pannus.cmd"))];
        (int code, string problems) = Host.RunPannusAs(nobody, [$"{roots.Id}", .. files]);
        Assert.Equal(1, code);
        Assert.Contains("does not let this user trace target", problems);
        Assert.Contains("Run Pannus as that user or as root", problems);
        _ = roots.WaitFor("func_J of target.");

        using TargetProgram own = TargetProgram.Start("setpriv", $"--reuid={nobody}", $"--regid={nobody}", "--clear-groups",
            Host.Readable(Built.Sample("target")), "20");
        _ = own.WaitFor("func_J of target.");
        (code, problems) = Host.RunPannusAs(nobody, [$"{own.Id}", .. files]);
        Assert.Equal((0, ""), (code, problems));
        _ = own.WaitFor("func_J of plug.");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(16384)]
    public void A_target_that_may_not_make_files_of_that_size_is_refused_and_goes_on(int bytes)
    {
        using TargetProgram program = TargetProgram.Start("prlimit", $"--fsize={bytes}", Built.Sample("target"), "20");
        _ = program.WaitFor(l => l.StartsWith("func_L", StringComparison.Ordinal));
        PatchException error = Patching.Refused(program, () => Patching.Apply(program, Built.Sample("patch.so"), Jump));
        Assert.Equal(PatchErrorId.NoAddressSpace, error.Id);
        Assert.Contains("RLIMIT_FSIZE", error.Message);
        _ = program.WaitFor("func_J of target.");
    }

    [Fact]
    public void A_target_whose_memory_cgroup_is_full_is_refused_and_goes_on()
    {
        string parent = "/sys/fs/cgroup/memory";
        if (!File.Exists($"{parent}/memory.limit_in_bytes")) return; // Version 2: MemoryCgroupTests.
        string cgroup = $"{parent}/pannus-test-{Environment.ProcessId}";
        _ = Directory.CreateDirectory(cgroup);
        try
        {
            using TargetProgram program = TargetProgram.Start(
                "/bin/sh", "-c", $"echo $$ > {cgroup}/cgroup.procs; exec {Built.Sample("target")} 20");
            _ = program.WaitFor(l => l.StartsWith("func_L", StringComparison.Ordinal));
            ulong used = ulong.Parse(File.ReadAllText($"{cgroup}/memory.usage_in_bytes"));
            File.WriteAllText($"{cgroup}/memory.limit_in_bytes", $"{used + 32768}");
            PatchException error = Patching.Refused(program, () => Patching.Apply(program, Built.Sample("patch.so"), Jump));
            Assert.Equal(PatchErrorId.NoAddressSpace, error.Id);
            Assert.Contains(cgroup, error.Message);
            _ = program.WaitFor("func_J of target.");
        }
        finally
        {
            Directory.Delete(cgroup);
        }
    }

    private static TargetProgram Start()
    {
        TargetProgram program = TargetProgram.Start(Built.Sample("target"), "20");
        _ = program.WaitFor(l => l.StartsWith("func_L", StringComparison.Ordinal));
        return program;
    }
}
