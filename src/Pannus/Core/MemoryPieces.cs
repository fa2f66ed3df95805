namespace Pannus.Core;

/// <summary>
/// Memory read piece by piece. A page that can't be read hides no other one: a guard page (MADV_GUARD_INSTALL) lies in the
/// middle of a mapping, as do pages behind the end of a file. Allocates nothing.
/// </summary>
internal static class MemoryPieces
{
    private const ulong PageMask = 4095;

    /// <summary>
    /// Reads what lies at <paramref name="at"/>, which moves on to the next piece; empty when that page can't be read. Pieces
    /// that follow one another share <paramref name="overlap"/> bytes, so that no word lies across.
    /// </summary>
    public static ReadOnlySpan<byte> Next(IMemoryReader memory, ref ulong at, ulong end, Span<byte> buffer, int overlap)
    {
        int wanted = (int)Math.Min((ulong)buffer.Length, end - at);
        int read = memory.Read(at, buffer[..wanted]);
        at = read < wanted ? PageAfter(at + (ulong)read) : at + (ulong)wanted >= end ? end : at + (ulong)(wanted - overlap);
        return buffer[..read];
    }

    /// <summary>Where the next page begins.</summary>
    public static ulong PageAfter(ulong address) => (address | PageMask) + 1;
}
