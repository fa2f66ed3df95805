using Iced.Intel;
using Pannus.Core;
using Pannus.Symbols;
using Pannus.Targets;

namespace Pannus.Planning;

/// <summary>
/// Room for a jump of five bytes between functions, in reach of one of two bytes: NOPs or INT3 from the end of a known
/// function on, behind which nothing goes on, where no symbol begins and to which nothing branches.
/// </summary>
internal sealed class Padding(
    TargetProcess target, FunctionCode code, IReadOnlyList<NearSymbol> near, CodeReferences references, List<AddressRange> taken)
{
    private const int Backward = 128, Forward = 127, LongestPadding = 64;
    private const ulong Jump = FunctionEntry.JumpLength;

    private readonly ulong _from = code.Place + FunctionEntry.ShortJumpLength;

    /// <summary>The addresses whose symbols decide.</summary>
    public static AddressRange Around(FunctionCode code)
    {
        ulong start = code.Place - Math.Min(code.Place, Backward + LongestPadding);
        return new AddressRange(start, Math.Max(code.End, code.Place + Forward) + Jump + LongestPadding - start);
    }

    /// <summary>The room right before the function: what <c>-fpatchable-function-entry=N,M</c> leaves there.</summary>
    public ulong? FindBefore() => Gaps().Where(g => g.End == code.Function.Address)
        .Select(g => Fits(g, g.End - Jump) ? g.End - Jump : (ulong?)null).FirstOrDefault(p => p is not null);

    /// <summary>The room nearest to the entry; null when there is none.</summary>
    public ulong? FindNearest() => Gaps()
        .SelectMany(g => Enumerable.Range(0, (int)Math.Max(g.Length, Jump) - (int)Jump + 1).Select(i => (Gap: g, At: g.Start + (ulong)i)))
        .OrderBy(p => Math.Abs((long)(p.At - _from)))
        .Where(p => Fits(p.Gap, p.At)).Select(p => (ulong?)p.At).FirstOrDefault();

    // Stretches of padding from the end of a function to the next symbol, or to what is no padding.
    private IEnumerable<AddressRange> Gaps()
    {
        foreach (NearSymbol symbol in near.Where(s => s.IsFunction && s.Size > 0).DistinctBy(s => s.End))
        {
            ulong start = symbol.End;
            if (near.Any(s => s.Start < start && start < s.End)) continue;
            ulong end = near.Where(s => s.Start >= start).Select(s => s.Start).Append(start + LongestPadding).Min();
            foreach (ulong entry in references.PatchableEntries(start))
                if (entry >= start && entry < end && end != code.Function.Address) end = entry;
            if (end < start + Jump || FunctionCode.FileBytes(target, new AddressRange(start, end - start)) is not { } bytes) continue;
            Instruction[] padding = [.. FunctionCode.Decode(target.Architecture.Bitness, bytes, start, start)
                .TakeWhile(i => FunctionCode.IsPadding(i) && i.NextIP <= end)];
            if (padding.Length == 0 || (padding[0].Mnemonic != Mnemonic.Int3 && GoesOnBehind(symbol))) continue;
            yield return new AddressRange(start, padding[^1].NextIP - start);
        }
    }

    private bool Fits(AddressRange gap, ulong at)
    {
        long distance = (long)(at - _from);
        var room = new AddressRange(at, Jump);
        // The entry itself may take a byte or more of the padding behind it.
        var entry = new AddressRange(code.Place, FunctionEntry.ShortJumpLength);
        if (at < gap.Start || room.End > gap.End || distance is < -Backward or > Forward || room.Overlaps(entry)
            || taken.Any(t => t.Overlaps(room)))
        {
            return false;
        }
        Span<byte> now = stackalloc byte[(int)Jump];
        return target.Memory.Read(at, now) == now.Length && FunctionCode.FileBytes(target, room) is { } file && now.SequenceEqual(file)
            && references.FindInto(new AddressRange(gap.Start, room.End - gap.Start), code, near) is null;
    }

    // A function of which the last instruction falls through, or may return, as a call does.
    private bool GoesOnBehind(NearSymbol symbol) =>
        FunctionCode.FileBytes(target, new AddressRange(symbol.Start, symbol.Size)) is not { } bytes
        || !FunctionCode.EndsFlow(FunctionCode.Decode(target.Architecture.Bitness, bytes, symbol.Start, symbol.Start).LastOrDefault(i => !FunctionCode.IsPadding(i)));
}
