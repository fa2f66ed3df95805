using Pannus.Core;
using Pannus.Machines;
using Pannus.Targets;

namespace Pannus.Unwinding;

/// <summary>What a step from a frame to its caller came to.</summary>
internal enum StepResult
{
    /// <summary>The registers are now the caller's.</summary>
    Stepped,
    /// <summary>There is no caller: this is where the thread began.</summary>
    Outermost,
    /// <summary>Nothing says how to leave this frame.</summary>
    Lost,
}

/// <summary>
/// Steps from frame to frame on the stacks of one target. It is made while the target runs, when it reads the tables of
/// all modules and mapped patches; a step then allocates nothing and reads only the target's memory.
/// </summary>
internal sealed class TargetUnwinder
{
    private const int CachedRows = 256, RehearsedSteps = 16, LongestProof = 64;

    private readonly Part[] _parts;
    private readonly ulong[] _starts;
    private readonly FrameExpression _expression;
    private readonly CachedRow[] _rows = new CachedRow[CachedRows];
    private readonly byte[] _proof = new byte[LongestProof];
    private int _stop;

    /// <summary>An unwinder by tables that have been read.</summary>
    public TargetUnwinder(UnwindMachine machine, IEnumerable<Part> parts)
    {
        Machine = machine;
        _parts = [.. parts.OrderBy(p => p.Start)];
        _starts = [.. _parts.Select(p => p.Start)];
        _expression = new FrameExpression(machine);
    }

    public UnwindMachine Machine { get; }

    /// <summary>Reads the tables of everything that is mapped now.</summary>
    public static TargetUnwinder Prepare(TargetProcess target)
    {
        List<Part> parts = [];
        UnwindMachine machine = target.Architecture.Unwind;
        foreach (TargetModule module in target.Modules) Add(module);
        foreach ((_, IReadOnlyList<MemoryRegion> regions) in MountName.All(target.Map))
        {
            int before = parts.Count;
            foreach (FrameIndex index in FrameIndex.FindAll(regions, target.Memory))
            {
                if (index.ReadTable(target.Memory, machine) is { } table) parts.Add(new Part(index.Code.Start, index.Code.End, 0, table));
            }
            // What Mount-PatchModule mapped has no index.
            if (parts.Count == before && ModuleScanner.TryReadPatch(target, regions) is { } module) Add(module);
        }
        return new TargetUnwinder(machine, parts);

        void Add(TargetModule module)
        {
            if (UnwindTable.Read(module.Image, machine) is { } table) parts.Add(new Part(module.Start, module.End, module.LoadBias, table));
        }
    }

    /// <summary>Tells that a new stop has begun: what was mapped in the one before may have gone since.</summary>
    public void Begin() => _stop++;

    /// <summary>Takes steps in every module, so that none is taken for the first time in earnest. They lead nowhere.</summary>
    public void Rehearse(IMemoryReader memory)
    {
        var window = new StackWindow(memory, Machine);
        foreach (Part part in _parts)
        {
            for (int i = 0; i < part.Table.Count; i += 1 + part.Table.Count / RehearsedSteps)
            {
                FrameRegisters registers = new(Machine);
                for (int r = 0; r < Machine.Registers; r++) registers.Set(r, part.Start);
                registers.Set(Machine.ProgramCounter, Machine.Word.Wrap(part.Table.StartOf(i) + part.Bias));
                bool isExact = true;
                _ = Step(ref registers, ref isExact, window);
            }
        }
    }

    /// <summary>
    /// Goes from a frame to its caller. <paramref name="isExact"/> tells whether the program counter is where the frame
    /// goes on, as in the innermost frame and one that a signal interrupted; else it is a return address, and what counts
    /// is the call before it. It is set for the caller.
    /// </summary>
    public StepResult Step(ref FrameRegisters registers, ref bool isExact, StackWindow memory)
    {
        ulong address = registers[Machine.ProgramCounter] - (isExact ? 0ul : 1);
        int index = Machine.Word.Wrap(address).GetHashCode() & (CachedRows - 1);
        ref CachedRow cached = ref _rows[index];
        if (cached.Part is null || cached.Address != address)
        {
            if (FindPart(address) is not { } found) return StepResult.Lost;
            cached.Part = null;
            if (!found.Table.TryFindRow(Machine.Word.Wrap(address - found.Bias), ref cached.Row)) return StepResult.Lost;
            (cached.Part, cached.Address) = (found, address);
        }
        if (!IsStillThere(cached.Part!, memory.Memory)) return StepResult.Lost;
        return Apply(cached.Row, cached.Part!.Table, ref registers, ref isExact, memory);
    }

    private StepResult Apply(in FrameRow row, UnwindTable table, ref FrameRegisters registers, ref bool isExact, StackWindow memory)
    {
        if (row[row.ReturnColumn].Kind == RuleKind.Undefined) return StepResult.Outermost;
        ulong cfa;
        if (row.Cfa.Kind == RuleKind.Register)
        {
            if (!registers.Has(row.CfaRegister)) return StepResult.Lost;
            cfa = Machine.Word.Wrap(registers[row.CfaRegister] + (ulong)row.Cfa.Value);
        }
        else if (!_expression.TryEvaluate(table.Section, row.Cfa.Value, row.Cfa.Length, registers, memory, null, out cfa))
        {
            return StepResult.Lost;
        }

        FrameRegisters caller = registers;
        caller.Known &= Machine.Preserved;
        caller.Set(Machine.StackPointer, cfa);
        bool hasReturn = false;
        for (uint left = row.Ruled; left != 0; left &= left - 1)
        {
            int number = System.Numerics.BitOperations.TrailingZeroCount(left);
            bool isReturn = number == row.ReturnColumn;
            bool isKnown = TryRecover(row[number], number, table, registers, cfa, memory, out ulong value);
            int into = isReturn ? Machine.ProgramCounter : number;
            if (isKnown) caller.Set(into, value);
            else caller.Known &= ~(1u << into);
            hasReturn |= isReturn && isKnown;
        }
        if (!hasReturn || !caller.Has(Machine.StackPointer)) return StepResult.Lost;
        registers = caller;
        isExact = row.IsSignalFrame;
        return StepResult.Stepped;
    }

    private bool TryRecover(RegisterRule rule, int number, UnwindTable table, in FrameRegisters registers, ulong cfa, StackWindow memory, out ulong value)
    {
        value = 0;
        switch (rule.Kind)
        {
            case RuleKind.SameValue:
                value = registers[number];
                return registers.Has(number);
            case RuleKind.Offset:
                return memory.TryReadWord(Machine.Word.Wrap(cfa + (ulong)rule.Value), out value);
            case RuleKind.ValueOffset:
                value = Machine.Word.Wrap(cfa + (ulong)rule.Value);
                return true;
            case RuleKind.Register:
                if ((uint)rule.Value >= (uint)Machine.Registers) return false;
                value = registers[rule.Value];
                return registers.Has(rule.Value);
            case RuleKind.Expression:
                return _expression.TryEvaluate(table.Section, rule.Value, rule.Length, registers, memory, cfa, out ulong at)
                    && memory.TryReadWord(at, out value);
            case RuleKind.ValueExpression:
                return _expression.TryEvaluate(table.Section, rule.Value, rule.Length, registers, memory, cfa, out value);
            default:
                return false;
        }
    }

    private Part? FindPart(ulong address)
    {
        int index = Array.BinarySearch(_starts, address);
        if (index < 0) index = ~index - 1;
        return index >= 0 && address < _parts[index].End ? _parts[index] : null;
    }

    // A library may have been unloaded, and another mapped in its place, since its table was read.
    private bool IsStillThere(Part part, IMemoryReader memory)
    {
        if (part.SeenAt == _stop) return part.IsThere;
        Span<byte> found = _proof.AsSpan(0, part.Table.Proof.Length);
        part.IsThere = memory.Read(part.Table.ProofAddress + part.Bias, found) == found.Length
            && found.SequenceEqual(part.Table.Proof);
        part.SeenAt = _stop;
        return part.IsThere;
    }

    private struct CachedRow
    {
        public Part? Part;
        public ulong Address;
        public FrameRow Row;
    }

    /// <summary>A module in the target, with its table.</summary>
    internal sealed class Part(ulong start, ulong end, ulong bias, UnwindTable table)
    {
        public ulong Start => start;
        public ulong End => end;
        public ulong Bias => bias;
        public UnwindTable Table => table;
        public int SeenAt { get; set; } = -1;
        public bool IsThere { get; set; }
    }
}
