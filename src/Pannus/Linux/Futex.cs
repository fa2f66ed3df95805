namespace Pannus.Linux;

/// <summary>Waiting for a word to change (futex(2)) that only this process uses. It must not move.</summary>
internal static unsafe class Futex
{
    internal const int WaitPrivate = 128, WakePrivate = 129;

    /// <summary>Sleeps until the word is no longer this value and its waiters are woken; may return earlier.</summary>
    public static void Wait(int* word, int value) => _ = Syscall.Call(Syscall.Futex, (long)word, WaitPrivate, value);

    /// <summary>Wakes all that wait for a word.</summary>
    public static void WakeAll(int* word) => _ = Syscall.Call(Syscall.Futex, (long)word, WakePrivate, int.MaxValue);
}
