using System.Globalization;

namespace Pannus.Linux;

/// <summary>The syscall that a thread sleeps in, as <c>/proc/TID/syscall</c> tells it (proc_pid_syscall(5)).</summary>
/// <param name="Number">The call's number; -1 for a thread that waits outside of any.</param>
/// <param name="Arguments">Its six arguments; none outside of any call.</param>
/// <param name="StackPointer">The thread's stack pointer.</param>
/// <param name="ProgramCounter">Where it will go on.</param>
internal readonly record struct SleepingCall(long Number, ulong[] Arguments, ulong StackPointer, ulong ProgramCounter)
{
    private const int MostArguments = 6;

    /// <summary>Reads the file; null when the thread runs or is gone.</summary>
    public static SleepingCall? TryRead(int tid)
    {
        // "running"; "-1 SP PC" outside of any call; else the number, six arguments, SP and PC.
        string[] fields = (ProcFile.TryRead($"/proc/{tid}/syscall") ?? "").TrimEnd().Split(' ');
        if (fields.Length is not (3 or MostArguments + 3) || !long.TryParse(fields[0], CultureInfo.InvariantCulture, out long number))
            return null;
        ulong[] values = new ulong[fields.Length - 1];
        for (int i = 0; i < values.Length; i++)
            if (!TryHex(fields[i + 1], out values[i])) return null;
        return new SleepingCall(number, values[..^2], values[^2], values[^1]);
    }

    /// <summary>An argument, from 0; 0 outside of any call.</summary>
    public ulong Argument(int index) => index < Arguments.Length ? Arguments[index] : 0;

    private static bool TryHex(string text, out ulong value)
    {
        value = 0;
        return text.StartsWith("0x", StringComparison.Ordinal)
            && ulong.TryParse(text.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out value);
    }
}
