using System.Numerics;

namespace Pannus.Elf;

/// <summary>Symbols by address: the functions and variables of a table, for many questions about one after the other.</summary>
internal sealed class AddressIndex
{
    private readonly ulong[] _starts, _reach; // Of the reach each is the highest end up to here, so that a walk back can stop.
    private readonly int[] _symbols;

    /// <summary>Sorts the symbols of a table.</summary>
    public AddressIndex(ElfSymbolTable table)
    {
        List<int> symbols = table.Touching(0, ulong.MaxValue);
        _symbols = [.. symbols];
        _starts = new ulong[symbols.Count];
        _reach = new ulong[symbols.Count];
        for (int i = 0; i < _symbols.Length; i++) _starts[i] = table[_symbols[i]].Value;
        Array.Sort(_starts, _symbols);
        ulong highest = 0;
        for (int i = 0; i < _symbols.Length; i++)
            _reach[i] = highest = Math.Max(highest, End(_starts[i], table[_symbols[i]].Size));
    }

    /// <summary>Bytes that it takes.</summary>
    public long Size => _symbols.Length * 20L;

    /// <summary>Indices of the symbols that begin, end or lie in [start, end), in the order of the table.</summary>
    public List<int> Touching(ElfSymbolTable table, ulong start, ulong end)
    {
        List<int> found = [];
        int below = 0;
        for (int step = (int)BitOperations.RoundUpToPowerOf2((uint)_starts.Length); step > 0; step /= 2)
            if (below + step <= _starts.Length && _starts[below + step - 1] < end) below += step;
        for (int i = below - 1; i >= 0 && _reach[i] >= start; i--)
            if (End(_starts[i], table[_symbols[i]].Size) >= start) found.Add(_symbols[i]);
        found.Sort();
        return found;
    }

    /// <summary>Address after the last byte; the highest there is when it lies beyond that.</summary>
    public static ulong End(ulong start, ulong size) => start + size < start ? ulong.MaxValue : start + size;
}
