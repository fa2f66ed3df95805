using Pannus.Interop;
using Pannus.Patcher;

namespace Pannus.Unwinder;

/// <summary>
/// The code that no thread may be in: functions, in which it may have no frame, and bytes that are overwritten, on which
/// it may not go on.
/// </summary>
internal sealed class CodeRanges
{
    private readonly AddressRange[] _functions, _guarded, _all;
    private readonly bool[] _endsInCall;
    private readonly ulong _first, _span;

    public CodeRanges(IEnumerable<AddressRange> functions, IEnumerable<AddressRange> guarded, IMemoryReader memory)
    {
        _functions = [.. functions.Where(r => r.Length > 0).Distinct()];
        _guarded = [.. guarded.Where(r => r.Length > 0).Distinct()];
        _all = [.. _functions, .. _guarded];
        _endsInCall = [.. _functions.Select(r => MayEndInCall(r, memory))];
        _first = _all.Length == 0 ? 0 : _all.Min(r => r.Start);
        _span = _all.Length == 0 ? 0 : _all.Max(r => r.End) - _first;
    }

    /// <summary>All of them.</summary>
    public ReadOnlySpan<AddressRange> All => _all;

    /// <summary>Whether there are functions, so that stacks must be looked at.</summary>
    public bool HasFunctions => _functions.Length > 0;

    /// <summary>Whether a thread that goes on at an address is inside.</summary>
    public bool Contains(ulong address)
    {
        if (address - _first >= _span) return false;
        foreach (ref readonly AddressRange range in _all.AsSpan())
            if (range.Contains(address)) return true;
        return false;
    }

    /// <summary>
    /// Whether a frame that goes on at a return address is inside: the call is the instruction before it, which may be the
    /// function's last.
    /// </summary>
    public bool ContainsCall(ulong returnAddress)
    {
        if (returnAddress - _first > _span) return false;
        foreach (ref readonly AddressRange range in _functions.AsSpan())
            if (range.Contains(returnAddress - 1)) return true;
        foreach (ref readonly AddressRange range in _guarded.AsSpan())
            if (range.Contains(returnAddress)) return true;
        return false;
    }

    /// <summary>
    /// Whether a word of memory may be a return address inside. The address behind a function is one only when the function
    /// ends in a call: it is nearly always the address of the next function. A function's own address is none.
    /// </summary>
    public bool MayBeReturnAddress(ulong word)
    {
        if (word - _first > _span) return false;
        for (int i = 0; i < _functions.Length; i++)
            if (_functions[i].Contains(word - 1) && (word != _functions[i].End || _endsInCall[i])) return true;
        foreach (ref readonly AddressRange range in _guarded.AsSpan())
            if (range.Contains(word)) return true;
        return false;
    }

    // E8 with a displacement, or FF /2 in one of its lengths: it may take other bytes for a call.
    private static bool MayEndInCall(AddressRange range, IMemoryReader memory)
    {
        Span<byte> tail = stackalloc byte[8];
        if (range.Length < (ulong)tail.Length || memory.Read(range.End - (ulong)tail.Length, tail) != tail.Length) return true;
        if (tail[^5] == 0xe8) return true;
        for (int length = 2; length <= 7; length++)
            if (tail[^length] == 0xff && (tail[^(length - 1)] >> 3 & 7) == 2) return true;
        return false;
    }
}
