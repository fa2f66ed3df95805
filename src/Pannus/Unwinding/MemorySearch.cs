using Pannus.Core;
using Pannus.Machines;
using Pannus.Targets;

namespace Pannus.Unwinding;

/// <summary>
/// Looks for return addresses in all writable private memory of a held target: stacks that no thread is on, as coroutines
/// have them. It reads every byte, so the target is held for as long as that takes.
/// </summary>
internal sealed class MemorySearch(LiveMap map, CodeRanges ranges, UnwindMachine machine)
{
    private readonly byte[] _buffer = new byte[1 << 20];

    /// <summary>The word that was found last, and where.</summary>
    public (ulong Place, ulong Word)? Found { get; private set; }

    /// <summary>Whether there is one. Also when memory that the kernel lists can't be looked at.</summary>
    public bool IsFound(IMemoryReader memory)
    {
        Found = null;
        if (map.Regions.IsEmpty) return true;
        foreach (ref readonly LiveMap.Region region in map.Regions)
        {
            const MemoryAccess wanted = MemoryAccess.Read | MemoryAccess.Write;
            if ((region.Access & (wanted | MemoryAccess.Shared)) == wanted && Search(memory, region)) return true;
        }
        return false;
    }

    private bool Search(IMemoryReader memory, in LiveMap.Region region)
    {
        for (ulong at = region.Start; at < region.End;)
        {
            ulong start = at;
            ReadOnlySpan<byte> words = MemoryPieces.Next(memory, ref at, region.End, _buffer, overlap: 0);
            for (int i = 0; i + machine.WordSize <= words.Length; i += machine.WordSize)
            {
                ulong word = machine.Word.Read(words[i..]);
                if (!ranges.MayBeReturnAddress(word)) continue;
                Found = (start + (ulong)i, word);
                return true;
            }
        }
        return false;
    }
}
