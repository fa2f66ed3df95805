using Pannus.Core;
using Pannus.Machines;
using Pannus.Targets;

namespace Pannus.Unwinding;

/// <summary>What a look at a thread's stack came to.</summary>
internal enum SearchResult
{
    /// <summary>No frame is inside.</summary>
    Clear,
    /// <summary>A frame is inside.</summary>
    Unwound,
    /// <summary>Where unwinding could not go on, a word of the stack may be a return address inside.</summary>
    Scanned,
    /// <summary>The stack could not be looked at whole, so that nothing can be said.</summary>
    Unknown,
}

/// <summary>A frame as it was found.</summary>
/// <param name="Address">Program counter, return address, or a word that may be one.</param>
/// <param name="IsExact">Whether the frame goes on there without having called.</param>
/// <param name="IsGuess">Whether it is only a word that was found on the stack.</param>
internal readonly record struct FoundFrame(ulong Address, bool IsExact, bool IsGuess);

/// <summary>
/// Looks for frames inside code on the stack of a held thread: frame by frame as far as the tables lead, and where they end
/// by every word of what is left, which can only find too much. Allocates nothing.
/// </summary>
internal sealed class StackSearch(TargetUnwinder unwinder, LiveMap map, CodeRanges ranges, IMemoryReader memory)
{
    private const int MostShown = 64, MostDetours = 64, MostContexts = 8, MostFrames = 1 << 20;
    private const ulong LargestScan = 64 << 20;
    private const int Chunk = 64 << 10;

    private readonly UnwindMachine _machine = unwinder.Machine;
    private readonly StackWindow _window = new(memory, unwinder.Machine);
    private readonly FoundFrame[] _frames = new FoundFrame[MostShown];
    private readonly FrameRegisters[] _contexts = new FrameRegisters[MostContexts];
    private readonly byte[] _scratch = new byte[UnwindMachine.MostRegisters * 16];
    private int _contextCount, _contextsUsed;

    /// <summary>The frames seen last, innermost first, as many as are shown.</summary>
    public ReadOnlySpan<FoundFrame> Frames => _frames.AsSpan(0, FrameCount);

    /// <summary>Number of <see cref="Frames"/>.</summary>
    public int FrameCount { get; private set; }

    /// <summary>Which of them is inside; -1 when none is.</summary>
    public int Inside { get; private set; }

    /// <summary>Looks at the stack of a thread with these registers.</summary>
    public SearchResult Run(in FrameRegisters registers)
    {
        _window.Reset();
        (FrameCount, Inside, _contextCount, _contextsUsed) = (0, -1, 0, 0);
        if (registers.WordSize != _machine.WordSize || !registers.Has(_machine.ProgramCounter) || !registers.Has(_machine.StackPointer))
            return SearchResult.Unknown;
        SearchResult result = Walk(registers);
        // What a signal interrupted on another stack, found where the tables did not lead.
        while (result == SearchResult.Clear && _contextsUsed < _contextCount) result = Walk(_contexts[_contextsUsed++]);
        return result;
    }

    /// <summary>
    /// As <see cref="Run"/>, and more: no register and no word of the stack may hold an address inside. It is what unmapping
    /// code asks for.
    /// </summary>
    public SearchResult RunThoroughly(in FrameRegisters registers)
    {
        SearchResult result = Run(registers);
        if (result != SearchResult.Clear) return result;
        for (int i = 0; i < _machine.Registers; i++)
        {
            if (!registers.Has(i)) return SearchResult.Unknown;
            if (ranges.Contains(registers[i])) return Guess(registers[i]);
        }
        return Scan(registers[_machine.StackPointer]);
    }

    private SearchResult Walk(FrameRegisters registers)
    {
        bool isExact = true, isInside = false;
        int detours = 0;
        ulong last = registers[_machine.StackPointer];
        for (int count = 0; ; count++)
        {
            ulong address = registers[_machine.ProgramCounter], stack = registers[_machine.StackPointer];
            isInside |= Note(address, isExact);
            if (isInside && FrameCount == MostShown) return SearchResult.Unwound;
            StepResult step = count < MostFrames ? unwinder.Step(ref registers, ref isExact, _window) : StepResult.Lost;
            if (step == StepResult.Outermost) return isInside ? SearchResult.Unwound : SearchResult.Clear;
            if (step == StepResult.Lost)
            {
                if (isInside) return SearchResult.Unwound;
                // A return address that is none shows that the frame before was left the wrong way.
                bool isCode = map.TryFind(address, out LiveMap.Region region) && (region.Access & MemoryAccess.Execute) != 0;
                return Scan(isCode ? stack : last);
            }
            last = stack;
            // Stacks grow downwards. Another stack may lie anywhere, but not so many of them.
            if (registers[_machine.StackPointer] <= stack && ++detours > MostDetours)
                return isInside ? SearchResult.Unwound : SearchResult.Unknown;
        }
    }

    private bool Note(ulong address, bool isExact)
    {
        bool isInside = isExact ? ranges.Contains(address) : ranges.ContainsCall(address);
        if (isInside && Inside < 0)
        {
            // However deep it is, it is shown.
            if (FrameCount == MostShown) FrameCount--;
            Inside = FrameCount;
        }
        if (FrameCount < MostShown) _frames[FrameCount++] = new FoundFrame(address, isExact, false);
        return isInside;
    }

    private SearchResult Scan(ulong from)
    {
        if (!map.TryFind(from, out LiveMap.Region stack) || (stack.Access & MemoryAccess.Write) == 0) return SearchResult.Unknown;
        ulong at = from & ~((ulong)_machine.WordSize - 1);
        if (stack.End - at > LargestScan) return SearchResult.Unknown;
        while (at < stack.End)
        {
            int wanted = (int)Math.Min(Chunk, stack.End - at);
            ReadOnlySpan<byte> words = _window.Read(at, wanted);
            if (words.IsEmpty && at <= from) return SearchResult.Unknown;
            for (int i = 0; i + _machine.WordSize <= words.Length; i += _machine.WordSize)
            {
                ulong word = _machine.Word.Read(words[i..]);
                if (ranges.MayBeReturnAddress(word)) return Guess(word);
                if (_machine.MayEndSignalContext(word) && !TryNoteContext(at + (ulong)i, stack)) return SearchResult.Unknown;
            }
            // A page that can't be read holds no frame, and hides none: the guard of another stack in the same mapping.
            at = words.Length == wanted ? at + (ulong)wanted : MemoryPieces.PageAfter(at + (ulong)words.Length);
        }
        return SearchResult.Clear;
    }

    private SearchResult Guess(ulong word)
    {
        if (FrameCount == MostShown) FrameCount--;
        Inside = FrameCount;
        _frames[FrameCount++] = new FoundFrame(word, false, true);
        return SearchResult.Scanned;
    }

    // A signal's frame leads to the stack that it interrupted. What lies further up on this one is scanned anyway.
    private bool TryNoteContext(ulong last, in LiveMap.Region stack)
    {
        ulong start = last - (ulong)((_machine.SignalContextWords - 1) * _machine.WordSize);
        Span<byte> bytes = _scratch.AsSpan(0, _machine.SignalContextWords * _machine.WordSize);
        FrameRegisters registers = default;
        if (_window.Memory.Read(start, bytes) != bytes.Length || !_machine.TryReadSignalContext(bytes, ref registers)) return true;
        ulong pointer = registers[_machine.StackPointer];
        bool isContext = map.TryFind(registers[_machine.ProgramCounter], out LiveMap.Region code) && (code.Access & MemoryAccess.Execute) != 0
            && map.TryFind(pointer, out LiveMap.Region other) && (other.Access & MemoryAccess.Write) != 0;
        if (!isContext) return true;
        bool isScanned = pointer >= last && pointer < stack.End && !ranges.Contains(registers[_machine.ProgramCounter]);
        if (isScanned) return true;
        if (_contextCount == MostContexts) return false;
        _contexts[_contextCount++] = registers;
        return true;
    }
}
