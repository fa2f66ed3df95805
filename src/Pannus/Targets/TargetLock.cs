using System.Diagnostics;
using System.Globalization;
using Pannus.Core;
using Pannus.Linux;

namespace Pannus.Targets;

/// <summary>
/// Keeps two patchers out of one target, wherever on the host they are: a lock (flock(2)) on what the kernel has once for
/// each process, whatever namespaces it is looked at from. It leaves nothing behind when its owner dies.
/// </summary>
/// <remarks>
/// That is the process itself, by its pidfd, which has an inode of its own since Linux 6.9 (pidfs). Before that all pidfds
/// share one, and the lock is on the target's pid namespace: patchers of processes in one such namespace take turns.
/// Anyone who sees a process may take its lock, and can keep patchers from it, but is named by the refusal.
/// </remarks>
internal sealed class TargetLock : IDisposable
{
    private readonly Descriptor _descriptor;

    private TargetLock(Descriptor descriptor) => _descriptor = descriptor;

    /// <summary>
    /// Takes the lock. Errors: <see cref="PatchErrorId.TargetBusy"/> when another holds it for the whole time,
    /// <see cref="PatchErrorId.TargetNotFound"/>.
    /// </summary>
    public static TargetLock Take(TargetProcess target, TimeSpan timeout, CancellationToken cancellation)
    {
        Descriptor? descriptor = Open(target.Id, target.ViewId, out long error);
        try
        {
            // Looked at when the descriptor is there: it is this very process's, and no later one's of the same id.
            if (descriptor is null || !target.IsAlive)
            {
                throw target.IsAlive
                    ? new PatchException(PatchErrorId.AccessDenied, $"The lock that keeps two patchers out of "
                        + $"{target.DisplayName} could not be opened: {Errno.Text(-error)}.")
                    : new PatchException(PatchErrorId.TargetNotFound, $"{target.DisplayName} has exited.");
            }
            long start = Stopwatch.GetTimestamp();
            for (int wait = 1; descriptor.TryLock(isShared: false) is var result and not 0;
                wait = Math.Min(wait * 2, 50))
            {
                if (result is not (-Errno.EAGAIN or -Errno.EINTR))
                {
                    throw new PatchException(PatchErrorId.AccessDenied, $"The lock that keeps two patchers out of "
                        + $"{target.DisplayName} (flock) could not be taken: {Errno.Text(-result)}.");
                }
                if (Stopwatch.GetElapsedTime(start) > timeout)
                {
                    throw new PatchException(PatchErrorId.TargetBusy, $"{target.DisplayName} is being patched by "
                        + $"{DescribeHolder(descriptor)}. Wait for it to finish and try again.");
                }
                if (cancellation.WaitHandle.WaitOne(wait))
                {
                    throw new PatchException(PatchErrorId.Interrupted,
                        $"Interrupted. {target.DisplayName} was not touched.");
                }
            }
            return new TargetLock(descriptor);
        }
        catch
        {
            descriptor?.Dispose();
            throw;
        }
    }

    /// <summary>Whether a patcher works on a target now.</summary>
    public static bool IsTaken(TargetProcess target)
    {
        using Descriptor? descriptor = Open(target.Id, target.ViewId, out _);
        return descriptor?.TryLock(isShared: true) == -Errno.EAGAIN;
    }

    public void Dispose() => _descriptor.Dispose();

    private static Descriptor? Open(int id, int viewId, out long error)
    {
        const long pidfs = 0x50494446;
        Descriptor? process = Descriptor.TryOpenProcess(id, out error);
        if (process is null || process.FileSystem == pidfs) return process;
        process.Dispose();
        return Descriptor.TryOpen($"/proc/{viewId}/ns/pid", OpenMode.Read, out error);
    }

    // proc_locks(5): "1: FLOCK  ADVISORY  WRITE 4711 00:05:75377 0 EOF". Who is not in this pid namespace is not listed.
    private static string DescribeHolder(Descriptor descriptor)
    {
        string file = FileIdentity.DeviceAndInode(descriptor.Number);
        foreach (string line in (ProcFile.TryRead("/proc/locks") ?? "").Split('\n'))
        {
            string[] fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length < 6 || fields[1] != "FLOCK" || fields[5] != file
                || !int.TryParse(fields[4], CultureInfo.InvariantCulture, out int pid) || pid <= 0) continue;
            return $"{ProcessStatus.TryRead(pid)?.Name ?? "process"} ({pid})";
        }
        return "a process of another pid namespace";
    }
}
