using System.Globalization;
using Pannus.Linux;
using Pannus.Targets;

namespace Pannus.Holding;

/// <summary>
/// Processes that run in the memory of a target without being threads of it: children of vfork(2) until they execute another
/// program, and of clone(2) with CLONE_VM. They would have to be held with it, and are not.
/// </summary>
/// <remarks>
/// A thread waits in vfork until its child has gone, and cannot be stopped meanwhile; so a vfork that begins after this look
/// makes the stop fail, and is found by the next one.
/// </remarks>
internal static class MemorySharers
{
    private const int KcmpVm = 1;

    /// <summary>Id of such a process; null when there is none.</summary>
    public static int? Find(TargetProcess target) => Find(target.Id, target.Id, depth: 0);

    private static int? Find(int target, int parent, int depth)
    {
        const int deepest = 8;
        foreach (int tid in ProcFile.ThreadIds(parent))
        {
            // proc(5): /proc/PID/task/TID/children, ids with spaces between them.
            if (ProcFile.TryRead($"/proc/{parent}/task/{tid}/children") is not { Length: > 0 } children) continue;
            foreach (string text in children.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            {
                int child = int.Parse(text, CultureInfo.InvariantCulture);
                if (Syscall.Call(Syscall.Kcmp, target, child, KcmpVm) == 0) return child;
                if (depth < deepest && Find(target, child, depth + 1) is { } further) return further;
            }
        }
        return null;
    }
}
