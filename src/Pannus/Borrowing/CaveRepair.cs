using System.Diagnostics;
using Pannus.Core;
using Pannus.Elf;
using Pannus.Holding;
using Pannus.Safety;
using Pannus.Targets;

namespace Pannus.Borrowing;

/// <summary>
/// Puts the bytes of a code cave back that a patcher left its stub in because it died. The thread that it had borrowed may
/// still be on its way home through there, and somebody who waited for the dead one's lock comes at once.
/// </summary>
internal static class CaveRepair
{
    /// <summary>
    /// Clears the cave at <paramref name="address"/> if it holds <paramref name="stub"/>, once no thread is in it or will
    /// return into it. Error: <see cref="PatchErrorId.StopTimeout"/> when that doesn't happen in time.
    /// </summary>
    public static void Run(TargetProcess target, ulong address, ReadOnlySpan<byte> stub, TimeSpan timeout)
    {
        byte[] found = new byte[stub.Length];
        if (target.Memory.Read(address, found) != found.Length || !stub.SequenceEqual(found)) return;
        byte[] original = Original(target, address, stub.Length);
        using ActivenessCheck check = ActivenessCheck.PrepareThorough(target, [new AddressRange(address, (ulong)stub.Length)]);
        long start = Stopwatch.GetTimestamp();
        bool isClear = false;
        while (!isClear)
        {
            if (Stopwatch.GetElapsedTime(start) > timeout)
            {
                throw new PatchException(PatchErrorId.StopTimeout,
                    $"A patcher of {target.DisplayName} died, and a thread that it had borrowed has not come home within "
                    + $"{timeout.TotalSeconds:0.###} s. Nothing was changed; try again.{check.Describe().Lines}");
            }
            _ = PtraceHold.WhileHeld(target, timeout, leaveSleepers: false, held =>
                isClear = !check.IsActive(held, mayRun: false) && held.Write(address, original) == original.Length);
            if (!isClear) Thread.Sleep(20);
        }
    }

    /// <summary>As <see cref="Run"/>, for those who have another error to tell of: then the next patcher does it.</summary>
    public static void TryRun(TargetProcess target, ulong address, ReadOnlySpan<byte> stub, TimeSpan timeout)
    {
        try
        {
            Run(target, address, stub, timeout);
        }
        catch (PatchException)
        {
            // A few bytes after the end of the program's code, which nothing leads to.
        }
    }

    // What the file has behind the end of the segment, as the kernel maps whole pages; zeros behind the end of the file, and in
    // the vdso, which has no file.
    private static byte[] Original(TargetProcess target, ulong address, int length)
    {
        byte[] original = new byte[length];
        TargetModule module = target.ModuleAt(address)!;
        if (module.Image.IsFromMemory) return original;
        ProgramHeader segment = module.Image.ProgramHeaders
            .Last(p => p.IsLoad && p.Access.HasFlag(MemoryAccess.Execute) && module.LoadBias + p.VirtualAddress <= address);
        module.Image.CopyFile(segment.Offset + (address - module.LoadBias - segment.VirtualAddress), original);
        return original;
    }
}
