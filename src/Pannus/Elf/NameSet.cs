using System.Numerics;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using System.Text;

namespace Pannus.Elf;

/// <summary>
/// Names that are looked for in string tables, all with one pass over a table and without a look at the symbols. Every
/// NUL of a table ends a name, and as names share tails (gABI, "String Table": <c>bar</c> may be the end of <c>foobar</c>)
/// a wanted one may begin at any distance before it. The eight bytes before the NUL, or as many as the name has, are its
/// key: a bitmap of the keys' hashes says for nearly all NULs that no wanted name ends there.
/// </summary>
internal sealed unsafe class NameSet
{
    private const int LongestKey = 8, LeastBits = 16, MostBits = 24, BitsPerName = 64;
    private const ulong Multiplier = 0x9e3779b97f4a7c15; // 2^64 divided by the golden ratio: Fibonacci hashing.

    private readonly byte[][] _names;
    private readonly ulong[] _keys;
    private readonly int[] _keyLengths; // Each length that a key has, once.
    private readonly ulong[] _filter;
    private readonly int _shift;
    private readonly int[] _first, _next; // Chains of names with the same hash; 0 ends one, and a name's number counts from 1.

    /// <summary>Takes the names in. An empty one, or one with a NUL, is no name of a symbol and found nowhere.</summary>
    public NameSet(IReadOnlyList<string> names)
    {
        int bits = Math.Clamp(BitOperations.Log2((uint)names.Count * BitsPerName | 1) + 1, LeastBits, MostBits);
        _names = new byte[names.Count][];
        _keys = new ulong[names.Count];
        _next = new int[names.Count + 1];
        _filter = new ulong[1 << bits >> 6];
        _first = new int[_filter.Length];
        _shift = 64 - bits;
        int lengths = 0;
        for (int i = 0; i < _names.Length; i++)
        {
            byte[] name = _names[i] = Encoding.UTF8.GetBytes(names[i]);
            if (name.AsSpan().IndexOf((byte)0) >= 0 || name.Length == 0) continue;
            int length = KeyLength(name);
            _keys[i] = Key(Tail(name, name.Length), length);
            ulong hash = Hash(_keys[i], length, _shift);
            _filter[hash >> 6] |= 1ul << (int)hash;
            (_next[i + 1], _first[hash >> 6]) = (_first[hash >> 6], i + 1);
            lengths |= 1 << length;
        }
        _keyLengths = new int[BitOperations.PopCount((uint)lengths)];
        for (int i = 0; lengths != 0; i++, lengths &= lengths - 1) _keyLengths[i] = BitOperations.TrailingZeroCount(lengths);
    }

    /// <summary>Where in a string table the names stand; a table may hold one more than once.</summary>
    public List<NamePlace> FindIn(ReadOnlySpan<byte> strings)
    {
        List<NamePlace> found = [];
        // Before the first eight bytes there is nothing that could be read with them.
        int whole, head = Math.Min(strings.Length, LongestKey);
        for (int end = 0; end < head; end++)
            if (strings[end] == 0) Compare(strings, end, found);
        fixed (byte* start = strings)
            whole = _names is [{ Length: > 2 }] ? FindOne(strings, start, head, found) : FindMany(strings, start, head, found);
        for (int end = whole; end < strings.Length; end++)
            if (strings[end] == 0) Compare(strings, end, found);
        // A table that is cut ends its last name without a NUL.
        if (strings.Length > 0 && strings[^1] != 0) Compare(strings, strings.Length, found);
        return found;
    }

    // Both go on from an end by whole blocks, and return the end of the last one.
    private int FindMany(ReadOnlySpan<byte> strings, byte* start, int at, List<NamePlace> found)
    {
        int shift = _shift, length = strings.Length - 64;
        int[] keyLengths = _keyLengths;
        fixed (ulong* filter = _filter)
        {
            for (; at <= length; at += 64)
            {
                ulong ends = Zeros(start + at) | (ulong)Zeros(start + at + 16) << 16 | (ulong)Zeros(start + at + 32) << 32
                    | (ulong)Zeros(start + at + 48) << 48;
                foreach (int keyLength in keyLengths)
                {
                    for (ulong left = ends; left != 0; left &= left - 1)
                    {
                        int end = at + BitOperations.TrailingZeroCount(left);
                        ulong hash = Hash(Key(*(ulong*)(start + end - LongestKey), keyLength), keyLength, shift);
                        if ((filter[hash >> 6] >> (int)hash & 1) != 0) Compare(strings, end, keyLength, found);
                    }
                }
            }
        }
        return at;
    }

    private int FindOne(ReadOnlySpan<byte> strings, byte* start, int at, List<NamePlace> found)
    {
        byte[] name = _names[0];
        Vector128<byte> last = Vector128.Create(name[^1]), second = Vector128.Create(name[^2]), third = Vector128.Create(name[^3]);
        for (int length = strings.Length - 16; at <= length; at += 16)
        {
            byte* end = start + at;
            int candidates = Sse2.MoveMask(Sse2.And(
                Sse2.And(Sse2.CompareEqual(Sse2.LoadVector128(end), Vector128<byte>.Zero), Sse2.CompareEqual(Sse2.LoadVector128(end - 1), last)),
                Sse2.And(Sse2.CompareEqual(Sse2.LoadVector128(end - 2), second), Sse2.CompareEqual(Sse2.LoadVector128(end - 3), third))));
            for (; candidates != 0; candidates &= candidates - 1) Compare(strings, at + BitOperations.TrailingZeroCount(candidates), found);
        }
        return at;
    }

    private static uint Zeros(byte* at) => (uint)Sse2.MoveMask(Sse2.CompareEqual(Sse2.LoadVector128(at), Vector128<byte>.Zero));

    // The bytes before an end, the last of them uppermost.
    private static ulong Tail(ReadOnlySpan<byte> text, int end)
    {
        ulong tail = 0;
        for (int i = Math.Max(0, end - LongestKey); i < end; i++) tail = tail >> 8 | (ulong)text[i] << 56;
        return tail;
    }

    private static int KeyLength(byte[] name) => Math.Min(name.Length, LongestKey);

    private static ulong Key(ulong tail, int length) => tail >> (64 - 8 * length);

    private static ulong Hash(ulong key, int length, int shift) => (key + (ulong)length) * Multiplier >> shift;

    private void Compare(ReadOnlySpan<byte> strings, int end, List<NamePlace> found)
    {
        foreach (int length in _keyLengths) Compare(strings, end, length, found);
    }

    private void Compare(ReadOnlySpan<byte> strings, int end, int keyLength, List<NamePlace> found)
    {
        ulong key = Key(Tail(strings, end), keyLength);
        for (int i = _first[Hash(key, keyLength, _shift) >> 6]; i != 0; i = _next[i])
        {
            byte[] name = _names[i - 1];
            int start = end - name.Length;
            if (_keys[i - 1] != key || start < 0 || KeyLength(name) != keyLength) continue;
            if (strings[start..end].SequenceEqual(name)) found.Add(new NamePlace((uint)start, i - 1));
        }
    }
}

/// <summary>Where a name stands in a string table.</summary>
/// <param name="Offset">Its offset there, as st_name has it.</param>
/// <param name="Name">Its number in the list of names, from 0.</param>
internal sealed record NamePlace(uint Offset, int Name);
