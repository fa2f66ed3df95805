using Pannus.Linux;
using Pannus.Targets;

namespace Pannus.Holding;

/// <summary>
/// Processes that run in the memory of a target without being threads of it: children of vfork(2) until they execute another
/// program, and of clone(2) with CLONE_VM. They would have to be held with it, and are not.
/// </summary>
/// <remarks>
/// They need not be its children: whose parent has ended belongs to another one, and a target may itself be the child. So all
/// processes are compared with it. A thread waits in vfork until its child has gone, and cannot be stopped meanwhile; so a vfork
/// that begins after this look makes the stop fail, and is found by the next one.
/// </remarks>
internal static class MemorySharers
{
    /// <summary>Id of such a process; null when there is none.</summary>
    public static int? Find(TargetProcess target)
    {
        // Of a process whose first thread has ended that thread has no memory any more.
        foreach (int id in ProcFile.ProcessIds())
            if (id != target.Id && Processes.ShareMemory(target.ViewId, id)) return id;
        return null;
    }
}
