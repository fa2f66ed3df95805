using Pannus.Journal;
using Pannus.Patcher;
using Pannus.Target;
using Pannus.Tests.Support;

namespace Pannus.Tests.Live;

/// <summary>What a patcher leaves that dies half way, and what a damaged record does: nothing.</summary>
public sealed class InterruptedTests
{
    private const string Jump = "name x\nJ func_J func_J_plug";

    [Theory]
    [InlineData((byte)JournalState.Applying)]
    [InlineData((byte)JournalState.Undoing)]
    public void What_is_half_way_is_finished_or_taken_back_and_nothing_else_is_applied_until_then(byte state)
    {
        using TargetProgram program = Start();
        foreach (bool finish in (bool[])[true, false])
        {
            _ = Patching.Apply(program, Built.Sample("patch.so"), Jump);
            using (TargetProcess target = TargetProcess.Open(program.Id))
                TargetJournal.Read(target).Entries[0].Segment.SetState(target.WritableMemory, (JournalState)state);
            Assert.Equal(LivePatchState.Interrupted, Assert.Single(Patching.Get(program)).State);
            PatchException error = Patching.Refused(program, () => Patching.Apply(program, Built.Sample("patch.so"), "V str_V 00"));
            Assert.Equal(PatchErrorId.Interrupted, error.Id);
            if (finish) Assert.Equal(LivePatchStatus.Applied, Patching.Apply(program, Built.Sample("patch.so"), Jump).Status);
            if (finish) Assert.Equal(LivePatchState.Applied, Assert.Single(Patching.Get(program)).State);
            _ = Patching.Undo(program, "x");
            _ = program.WaitFor("func_J of target.");
            Assert.DoesNotContain(Patching.Get(program), p => p.State != LivePatchState.Retained);
        }
    }

    [Fact]
    public void A_damaged_record_is_reported_and_never_trusted()
    {
        using TargetProgram program = Start();
        _ = Patching.Apply(program, Built.Sample("patch.so"), Jump);
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

    private static TargetProgram Start()
    {
        TargetProgram program = TargetProgram.Start(Built.Sample("target"), "20");
        _ = program.WaitFor("func_L of target.");
        return program;
    }
}
