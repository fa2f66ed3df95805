using System.Globalization;
using Pannus.Architectures;
using Pannus.Controller;
using Pannus.Interop;
using Pannus.Journal;
using Pannus.Target;

namespace Pannus.Loader;

/// <summary>Unmaps a patch that is in force no more, when it is certain that nothing comes back to it.</summary>
internal static class PatchRemoval
{
    // asm/unistd_64.h, calls that survive a stop in every case (signal(7)) and in time: poll, pause, nanosleep, wait4, flock,
    // rt_sigsuspend, futex, clock_nanosleep, waitid.
    private static readonly HashSet<ulong> s_restarted = [7, 34, 35, 61, 73, 130, 202, 230, 247];

    /// <summary>
    /// Returns null when it is unmapped, else what may come back to it, for a message; then nothing was done. With
    /// <paramref name="leaveSleepers"/> a thread is such that sleeps in a call which would notice that it is stopped.
    /// </summary>
    public static string? TryUnmap(TargetProcess target, JournalEntry entry, ITargetBackend backend, TimeSpan timeout, bool leaveSleepers)
    {
        target.Refresh();
        leaveSleepers &= WouldNotice(target);
        var use = new PatchUse(target, entry.Regions);
        if (use.FindLink() is { } link) return link;
        // Threads, memory, and threads again: an address that was on its way from the one to the other meanwhile is found.
        if (use.FindThread(backend, timeout, leaveSleepers, out IReadOnlyCollection<ulong> stackPointers) is { } thread) return thread;
        if (use.FindPointer(stackPointers) is { } pointer) return pointer;
        if (use.FindThread(backend, timeout, leaveSleepers, out _) is { } late) return late;
        try
        {
            backend.Unmap(target, entry.Mappings, timeout);
            return null;
        }
        catch (PatchException e) when (target.IsAlive)
        {
            return $"a failure to unmap it ({e.Message})";
        }
    }

    // Whether a thread sleeps in a call that would fail, or end late, after a stop. The many that read from a pipe or a file, or
    // wait for a lock, go on as if nothing had been; of them the registers may be looked at.
    private static bool WouldNotice(TargetProcess target)
    {
        if (target.Architecture != TargetArchitecture.X64) return true;
        foreach (int tid in target.ThreadIds)
        {
            string[] call = (ProcFile.TryRead($"/proc/{target.Id}/task/{tid}/syscall") ?? "").Split(' ');
            if (!ulong.TryParse(call[0], CultureInfo.InvariantCulture, out ulong number)) continue;
            if (s_restarted.Contains(number)) continue;
            // read: of an inotify descriptor, or of a socket with a timeout, it fails; of other files it is restarted.
            bool isPlainRead = number == Syscall.Read && call.Length > 1
                && ProcFile.TryReadLink($"/proc/{target.Id}/fd/{Convert.ToInt32(call[1], 16)}") is { } file
                && !file.StartsWith("anon_inode:", StringComparison.Ordinal) && !file.StartsWith("socket:", StringComparison.Ordinal);
            if (!isPlainRead) return true;
        }
        return false;
    }
}
