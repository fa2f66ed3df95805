using Pannus.Applying;
using Pannus.Core;
using Pannus.Journal;
using Pannus.LivePatches;
using Pannus.Safety;
using Pannus.Targets;
using Pannus.Tests.Support;

namespace Pannus.Tests.Live;

/// <summary>What a patcher leaves that dies half way, and what a damaged record does: nothing.</summary>
public abstract class InterruptedTests(string machine)
{
    private const string Jump = "name x\nJ func_J func_J_plug";

    private readonly string[] _fast = Machine.Fast(machine);

    [Theory]
    [InlineData((byte)JournalState.Applying)]
    [InlineData((byte)JournalState.Undoing)]
    public void What_is_half_way_is_finished_or_taken_back_and_nothing_else_is_applied_until_then(byte state)
    {
        using TargetProgram program = Start();
        foreach (bool finish in (bool[])[true, false])
        {
            _ = Patching.Apply(program, Built.Sample("patch.so", _fast), Jump);
            using (TargetProcess target = TargetProcess.Open(program.Id))
                Assert.Single(TargetJournal.Read(target).InForce).Segment.SetState(target.WritableMemory, (JournalState)state);
            Assert.Equal(LivePatchState.Interrupted, InForce(program).State);
            PatchException error = Patching.Refused(program, () => Patching.Apply(program, Built.Sample("patch.so", _fast), "V str_V 00"));
            Assert.Equal(PatchErrorId.Interrupted, error.Id);
            if (finish) Assert.Equal(LivePatchStatus.Applied, Patching.Apply(program, Built.Sample("patch.so", _fast), Jump).Status);
            if (finish) Assert.Equal(LivePatchState.Applied, InForce(program).State);
            _ = Patching.Undo(program, InForce(program).Address);
            _ = program.WaitFor("func_J of target.");
            Assert.DoesNotContain(Patching.Get(program), p => p.State != LivePatchState.Retained);
        }
    }

    [Fact]
    public void A_damaged_record_is_reported_and_never_trusted()
    {
        using TargetProgram program = Start();
        _ = Patching.Apply(program, Built.Sample("patch.so", _fast), Jump);
        using TargetProcess target = TargetProcess.Open(program.Id);
        JournalSegment segment = TargetJournal.Read(target).Entries[0].Segment;
        byte[] good = new byte[512];
        _ = target.Memory.Read(segment.Address, good);
        var random = new Random(2004);
        for (int round = 0; round < 2000; round++)
        {
            byte[] bad = [.. good];
            for (int i = random.Next(1, 6); i > 0; i--) bad[random.Next(bad.Length)] = (byte)random.Next(256);
            _ = target.WritableMemory.Write(segment.Address, bad);
            LivePatchInfo patch = Assert.Single(LivePatchCatalog.Get(target));
            // What is not covered by the checksum is what is behind the record, and an unused word of the header.
            if (patch.State != LivePatchState.Damaged) Assert.Contains(patch.State, (LivePatchState[])[LivePatchState.Applied]);
        }
        Damage(64);
        Assert.Equal(PatchErrorId.JournalDamaged, Patching.Refused(program, () => Patching.Undo(program, segment.Address)).Id);

        void Damage(int at) => _ = target.WritableMemory.Write(segment.Address, [.. good[..at], (byte)~good[at], .. good[(at + 1)..]]);
    }

    [Theory]
    [InlineData("[stack]")]
    [InlineData("[heap]")]
    [InlineData("memfd:pannus")]
    public void A_record_that_lies_about_an_address_makes_nobody_write_there(string region)
    {
        using TargetProgram program = Start();
        _ = Patching.Apply(program, Built.Sample("patch.so", _fast), Jump);
        using TargetProcess target = TargetProcess.Open(program.Id);
        JournalEntry entry = TargetJournal.Read(target).Entries[0];
        ulong elsewhere = target.Map.Regions.First(r => r.Path.Contains(region)).Start + 64;
        PlannedWrite[] lies = [.. entry.Record!.Writes.Select(w => w with { Address = elsewhere })];
        // With a right checksum: a hostile target can make one as well.
        entry.Segment.TryReplace(target.WritableMemory, JournalFormat.Encode(entry.Record with { Writes = lies }));
        byte[] before = new byte[64], after = new byte[64];
        _ = target.Memory.Read(elsewhere, before);
        PatchException error = Patching.Refused(program, () => Patching.Undo(program, entry.Address, force: true));
        Assert.Equal(PatchErrorId.JournalDamaged, error.Id);
        _ = target.Memory.Read(elsewhere, after);
        Assert.Equal(before, after);
    }

    [Fact]
    public void Tells_which_threads_still_run_what_was_replaced()
    {
        using TargetProgram program = TargetProgram.Start(Built.Target("inside", _fast));
        _ = program.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal));
        program.Say("enter");
        _ = program.WaitFor("inside");
        Thread.Sleep(50);
        _ = Patching.Apply(program, Built.Target("patches/inside.so", _fast), "J stay stay_plug",
            options: new WriteOptions { SafetyCheck = SafetyCheck.Entry });
        Assert.Equal((true, 1), Verify(program));
        program.Say("leave");
        _ = program.WaitFor("left 1");
        Assert.Equal((true, 0), Verify(program));
    }

    // One that was undone before may still be mapped.
    private static LivePatchInfo InForce(TargetProgram program) => Assert.Single(Patching.Get(program), p => p.State != LivePatchState.Retained);

    private static (bool?, int?) Verify(TargetProgram program)
    {
        using TargetProcess target = TargetProcess.Open(program.Id);
        LivePatchInfo patch = Assert.Single(LivePatchCatalog.Verify(target, new WriteOptions()));
        return (patch.IsVerified, patch.ThreadsInOldCode);
    }

    private TargetProgram Start()
    {
        TargetProgram program = TargetProgram.Start(Built.Sample("target", _fast), "20");
        _ = program.WaitFor("func_L of target.");
        return program;
    }
}

public sealed class X64InterruptedTests() : InterruptedTests(Machine.X64);

public sealed class IA32InterruptedTests() : InterruptedTests(Machine.IA32);
