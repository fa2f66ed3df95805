using Pannus.Core;
using Pannus.Machines;
using Pannus.Targets;

namespace Pannus.Holding;

/// <summary>
/// A process that is not held, with so many threads that are nowhere, and memory that takes no writes: with it all that is
/// done in a hold is gone through once before. What is gone first, .NET has to find, bind and make room for.
/// </summary>
internal sealed class Rehearsal(TargetProcess target, int threads) : HeldProcess
{
    public override int ThreadCount => threads;

    public override bool IsSealed => true;

    public override HeldThread GetThread(int index) => new(int.MaxValue, 0, 0, InSyscall: false);

    public override bool HasRunSince(int index) => false;

    public override void GetRegisters(int index, out FrameRegisters registers) =>
        registers = FrameRegisters.From(0, 0, target.Architecture.Unwind);

    public override bool TryRunOut(int index, ReadOnlySpan<AddressRange> ranges) => false;

    public override bool TrySeal() => true;

    public override int Read(ulong address, Span<byte> buffer) => target.WritableMemory.Read(address, buffer);

    public override int Write(ulong address, ReadOnlySpan<byte> data) => data.Length;
}
