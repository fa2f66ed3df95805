using Pannus.Core;
using Pannus.Machines;

namespace Pannus.Unwinding;

/// <summary>
/// The code that no thread may be in: functions, in which it may have no frame, and bytes that are overwritten, on which
/// it may not go on.
/// </summary>
internal sealed class CodeRanges
{
    private readonly AddressRange[] _all;
    private readonly RangeSet _inside, _calls, _words;

    public CodeRanges(IEnumerable<AddressRange> functions, IEnumerable<AddressRange> guarded, IMemoryReader memory)
    {
        AddressRange[] whole = [.. functions.Where(r => r.Length > 0).Distinct()], bytes = [.. guarded.Where(r => r.Length > 0).Distinct()];
        HasFunctions = whole.Length > 0;
        _all = [.. whole, .. bytes];
        _inside = new RangeSet(_all);
        _calls = new RangeSet([.. whole.Select(r => new AddressRange(r.Start + 1, r.Length)), .. bytes]);
        _words = new RangeSet([.. whole.Select(r => new AddressRange(r.Start + 1, MayEndInCall(r, memory) ? r.Length : r.Length - 1)), .. bytes]);
    }

    /// <summary>All of them.</summary>
    public ReadOnlySpan<AddressRange> All => _all;

    /// <summary>Whether there are functions, so that stacks must be looked at.</summary>
    public bool HasFunctions { get; }

    /// <summary>Whether a thread that goes on at an address is inside.</summary>
    public bool Contains(ulong address) => _inside.Contains(address);

    /// <summary>
    /// Whether a frame that goes on at a return address is inside: the call is the instruction before it, which may be the
    /// function's last.
    /// </summary>
    public bool ContainsCall(ulong returnAddress) => _calls.Contains(returnAddress);

    /// <summary>
    /// Whether a word of memory may be a return address inside. The address behind a function is one only when the function
    /// ends in a call: it is nearly always the address of the next function. A function's own address is none.
    /// </summary>
    public bool MayBeReturnAddress(ulong word) => _words.Contains(word);

    // E8 with a displacement, or FF /2 in one of its lengths: it may take other bytes for a call.
    private static bool MayEndInCall(AddressRange range, IMemoryReader memory)
    {
        Span<byte> tail = stackalloc byte[8];
        if (range.Length < (ulong)tail.Length || memory.Read(range.End - (ulong)tail.Length, tail) != tail.Length) return true;
        if (tail[^5] == X86Jump.Call) return true;
        for (int length = 2; length <= 7; length++)
            if (tail[^length] == 0xff && (tail[^(length - 1)] >> 3 & 7) == 2) return true;
        return false;
    }

    // Ranges that may overlap, by their starts: with the highest end of all that begin no later, one look says it.
    private readonly struct RangeSet
    {
        private readonly ulong[] _starts, _ends;

        public RangeSet(AddressRange[] ranges)
        {
            AddressRange[] sorted = [.. ranges.OrderBy(r => r.Start)];
            _starts = [.. sorted.Select(r => r.Start)];
            _ends = new ulong[sorted.Length];
            ulong highest = 0;
            for (int i = 0; i < sorted.Length; i++) _ends[i] = highest = Math.Max(highest, sorted[i].End);
        }

        public bool Contains(ulong address)
        {
            if (_starts.Length == 0 || address < _starts[0] || address >= _ends[^1]) return false;
            int low = 0, high = _starts.Length;
            while (high - low > 1)
            {
                int middle = (low + high) / 2;
                if (_starts[middle] <= address) low = middle;
                else high = middle;
            }
            return address < _ends[low];
        }
    }
}
