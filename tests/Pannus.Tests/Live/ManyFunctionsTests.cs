using Pannus.Applying;
using Pannus.Core;
using Pannus.Holding;
using Pannus.Journal;
using Pannus.Linux;
using Pannus.LivePatches;
using Pannus.Machines;
using Pannus.Planning;
using Pannus.Symbols;
using Pannus.Targets;
using Pannus.Tests.Support;

namespace Pannus.Tests.Live;

/// <summary>Patches of a thousand functions: all of them or none, a page at a time.</summary>
public sealed class ManyFunctionsTests
{
    private const int Functions = 1000, JumpLength = 5;
    private static readonly string s_commands =
        string.Join('\n', Enumerable.Range(0, Functions).Select(i => $"J many_{i:000} plug_{i:000}"));

    [Fact]
    public void Replaces_a_thousand_functions_in_one_stop_and_takes_them_back()
    {
        using TargetProgram program = Start();
        string fresh = program.SettledFingerprint();
        LivePatchResult result = Patching.Apply(program, Built.Bench("many-plug.so"), s_commands);
        Assert.Equal((Functions, LivePatchStatus.Applied), (result.Jumps, result.Status));
        using (TargetProcess target = TargetProcess.Open(program.Id))
        {
            LivePatchInfo patch = Assert.Single(LivePatchCatalog.Get(target));
            Assert.All(Resolve(target), function => Assert.True(LeadsTo(target, function.Address, patch.Address), function.Name));
        }
        Assert.Equal(UndoStatus.Undone, Patching.Undo(program, result.LivePatchId).Status);
        Assert.Equal(fresh, program.SettledFingerprint());
    }

    [Fact]
    public void Jumps_of_a_page_are_written_at_once()
    {
        using TargetProgram program = Start();
        using TargetProcess target = TargetProcess.Open(program.Id);
        PlannedWrite[] writes = Jumps(target);
        WriteRun[] runs = [.. WriteRun.Join(target.Map, writes)];
        Assert.Equal(writes.Select(w => w.Address >> 12).Distinct().Count(), runs.Length);
        // A variable's bytes stand alone, and a padding jump before the entry that leads to it.
        PlannedWrite data = new WritePlanner(target).Variable(new SymbolResolver(target).Resolve("str_V"), [1]);
        PlannedWrite paddingJump = writes[1] with { Kind = PlannedWriteKind.PaddingJump };
        Assert.Equal([writes[0].Address, data.Address, paddingJump.Address, writes[2].Address],
            WriteRun.Join(target.Map, [writes[0], data, paddingJump, writes[2], writes[3]]).Select(r => r.Address));
    }

    [Fact]
    public void What_lies_between_two_jumps_of_a_page_stays_when_they_are_written_and_goes_when_all_is_taken_back()
    {
        using TargetProgram program = Start();
        using TargetProcess target = TargetProcess.Open(program.Id);
        PlannedWrite[] writes = Jumps(target)[..5];
        string fresh = program.SettledFingerprint();
        PlannedWrite first = writes[1] with { Kind = PlannedWriteKind.PaddingJump }, second = writes[3] with { Kind = PlannedWriteKind.PaddingJump };
        // The last two are written together, and the two padding jumps and the jump between them before.
        var set = new WriteSet(target, [first, writes[2], second, writes[0], writes[4]]);
        Assert.NotNull(set.Write(new Rehearsal(target, threads: 0)));
        Assert.Equal(fresh, program.SettledFingerprint());
        var memory = new Fence(target.WritableMemory);
        Assert.Null(set.Write(memory));
        byte[] found = new byte[JumpLength];
        foreach (PlannedWrite write in writes)
        {
            Assert.Equal(JumpLength, target.Memory.Read(write.Address, found));
            Assert.Equal(write.New, found);
        }
        set.TakeBack(memory);
        Assert.Equal(fresh, program.SettledFingerprint());
    }

    [Fact]
    public void Where_one_write_fails_none_is_left()
    {
        using TargetProgram program = Start();
        using TargetProcess target = TargetProcess.Open(program.Id);
        PlannedWrite[] writes = Jumps(target);
        string fresh = program.SettledFingerprint();
        var memory = new Fence(target.WritableMemory);

        PlannedWrite changed = writes[500] with { Old = [.. writes[500].Old.Reverse()] };
        Assert.Same(changed, new WriteSet(target, [.. writes.Select(w => w == writes[500] ? changed : w)]).Write(memory));
        Assert.Equal(0, memory.Written);

        memory.Limit = writes[^1].Address & ~0xffful;
        Assert.Equal(memory.Limit, new WriteSet(target, writes).Write(memory)!.Address & ~0xffful);
        Assert.True(memory.Written > 0, "the writes before it were tried");
        Assert.Equal(fresh, program.SettledFingerprint());

        memory.Limit = ulong.MaxValue;
        var set = new WriteSet(target, writes);
        Assert.Null(set.Write(memory));
        set.TakeBack(memory);
        Assert.Equal(fresh, program.SettledFingerprint());
    }

    private static TargetProgram Start()
    {
        TargetProgram program = TargetProgram.Start(Built.Bench("hiccup-many"), "0", "0");
        _ = program.WaitFor(l => l.StartsWith("func_J", StringComparison.Ordinal));
        return program;
    }

    private static IReadOnlyList<ResolvedSymbol> Resolve(TargetProcess target) =>
        new SymbolResolver(target).ResolveMany([.. Enumerable.Range(0, Functions).Select(i => $"many_{i:000}")]);

    // Nobody calls them, so what they lead to need not be there.
    private static PlannedWrite[] Jumps(TargetProcess target)
    {
        var planner = new WritePlanner(target);
        return [.. Resolve(target).SelectMany(f => planner.Jump(f, f.Address + 4096, "nowhere")).OrderBy(w => w.Address)];
    }

    private static bool LeadsTo(TargetProcess target, ulong function, ulong patch)
    {
        byte[] jump = new byte[JumpLength];
        Assert.Equal(jump.Length, target.Memory.Read(function, jump));
        ulong destination = function + JumpLength + (ulong)BitConverter.ToInt32(jump, 1);
        return jump[0] == 0xe9 && destination - patch < 1 << 20;
    }

    /// <summary>A target of no threads whose memory takes no writes from an address on.</summary>
    private sealed class Fence(ProcessMemory memory) : HeldProcess
    {
        public ulong Limit { get; set; } = ulong.MaxValue;

        public int Written { get; private set; }

        public override int Read(ulong address, Span<byte> buffer) => memory.Read(address, buffer);

        public override int Write(ulong address, ReadOnlySpan<byte> data)
        {
            if (address >= Limit) return 0;
            Written++;
            return memory.Write(address, data);
        }

        public override int ThreadCount => 0;

        public override bool IsSealed => true;

        public override bool TrySeal() => true;

        public override bool HasRunSince(int index) => false;

        public override HeldThread GetThread(int index) => throw new InvalidOperationException();

        public override void GetRegisters(int index, out FrameRegisters registers) => throw new InvalidOperationException();

        public override bool TryRunOut(int index, ReadOnlySpan<AddressRange> ranges) => throw new InvalidOperationException();
    }
}
