using Pannus.Core;

namespace Pannus.Targets;

/// <summary>What the kernel told a program when it started (getauxval(3)), from /proc/PID/auxv.</summary>
internal static class AuxiliaryVector
{
    /// <summary>An entry's value; null when there is none, or it may not be read.</summary>
    public static ulong? Find(TargetProcess target, MachineWord word, ulong type)
    {
        byte[] vector;
        try
        {
            vector = File.ReadAllBytes($"/proc/{target.ViewId}/auxv");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
        for (int at = 0; at + 2 * word.Size <= vector.Length; at += 2 * word.Size)
            if (word.Read(vector.AsSpan(at)) == type) return word.Read(vector.AsSpan(at + word.Size));
        return null;
    }
}
