using Pannus.Core;
using Pannus.Linux;

namespace Pannus.Targets;

/// <summary>What the kernel told a program when it started (getauxval(3)), from /proc/PID/auxv.</summary>
internal static class AuxiliaryVector
{
    /// <summary>An entry's value; null when there is none, or it may not be read.</summary>
    public static ulong? Find(TargetProcess target, MachineWord word, ulong type)
    {
        ReadOnlySpan<byte> vector = ProcFile.TryReadBytes($"/proc/{target.Id}/task/{target.ViewId}/auxv");
        for (; vector.Length >= 2 * word.Size; vector = vector[(2 * word.Size)..])
            if (word.Read(vector) == type) return word.Read(vector[word.Size..]);
        return null;
    }
}
