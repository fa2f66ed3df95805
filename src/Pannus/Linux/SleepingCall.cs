using System.Globalization;

namespace Pannus.Linux;

/// <summary>The syscall that a thread sleeps in, as <c>/proc/TID/syscall</c> tells it (proc_pid_syscall(5)).</summary>
/// <param name="Number">The call's number; -1 for a thread that waits outside of any.</param>
/// <param name="FirstArgument">Its first argument.</param>
/// <param name="StackPointer">The thread's stack pointer.</param>
/// <param name="ProgramCounter">Where it will go on.</param>
internal readonly record struct SleepingCall(long Number, ulong FirstArgument, ulong StackPointer, ulong ProgramCounter)
{
    /// <summary>Reads the file; null when the thread runs or is gone.</summary>
    public static SleepingCall? TryRead(int tid)
    {
        // "running"; "-1 SP PC" outside of any call; else the number, six arguments, SP and PC.
        string[] fields = (ProcFile.TryRead($"/proc/{tid}/syscall") ?? "").TrimEnd().Split(' ');
        if (fields.Length < 3 || !long.TryParse(fields[0], CultureInfo.InvariantCulture, out long number)) return null;
        return TryHex(fields[1], out ulong first) && TryHex(fields[^2], out ulong stack) && TryHex(fields[^1], out ulong code)
            ? new SleepingCall(number, first, stack, code) : null;
    }

    private static bool TryHex(string text, out ulong value)
    {
        value = 0;
        return text.StartsWith("0x", StringComparison.Ordinal)
            && ulong.TryParse(text.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out value);
    }
}
