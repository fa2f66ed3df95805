using Pannus.Controller;

namespace Pannus.Patcher;

/// <summary>
/// The check of 2004: no thread is about to execute in the middle of bytes that are overwritten. It says nothing of
/// threads further down in the function, or that will return into it.
/// </summary>
internal static class EntryCheck
{
    /// <summary>
    /// As <see cref="FindInside"/>, but a thread that runs is first led out by a few single steps, while all others stand
    /// still: in a small function that many threads call there would otherwise nearly always be one.
    /// </summary>
    public static HeldThread? FindStuck(IHeldProcess held, AddressRange[] ranges)
    {
        for (int i = 0; i < held.ThreadCount; i++)
        {
            HeldThread thread = held.GetThread(i);
            foreach (AddressRange range in ranges)
                if (thread.IsIn(range) && !held.TryStepOut(i, ranges)) return thread;
        }
        return null;
    }

    /// <summary>The first held thread whose program counter lies in one of the ranges; null when none does.</summary>
    public static HeldThread? FindInside(IHeldProcess held, AddressRange[] ranges)
    {
        for (int i = 0; i < held.ThreadCount; i++)
        {
            HeldThread thread = held.GetThread(i);
            foreach (AddressRange range in ranges)
                if (thread.IsIn(range)) return thread;
        }
        return null;
    }
}
