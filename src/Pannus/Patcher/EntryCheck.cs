using Pannus.Controller;

namespace Pannus.Patcher;

/// <summary>
/// The check of 2004: no thread is about to execute in the middle of bytes that are overwritten. It says nothing of
/// threads further down in the function, or that will return into it.
/// </summary>
internal static class EntryCheck
{
    /// <summary>The first held thread whose program counter lies in one of the ranges; null when none does.</summary>
    public static HeldThread? FindInside(IHeldProcess held, AddressRange[] ranges)
    {
        for (int i = 0; i < held.ThreadCount; i++)
        {
            HeldThread thread = held.GetThread(i);
            foreach (AddressRange range in ranges)
                if (range.Contains(thread.ProgramCounter)) return thread;
        }
        return null;
    }
}
