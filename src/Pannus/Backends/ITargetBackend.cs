using Pannus.Core;
using Pannus.Holding;
using Pannus.Targets;

namespace Pannus.Backends;

/// <summary>Which way Pannus reaches into a process.</summary>
public enum BackendKind
{
    /// <summary>The kernel's four syscalls where it has them, else ptrace.</summary>
    Auto,
    /// <summary>mmap3, readpvm, writepvm and pcntl of a patched kernel.</summary>
    Kernel,
    /// <summary>ptrace(2), memfd and /proc/PID/mem of a stock kernel.</summary>
    Ptrace,
}

/// <summary>The two things that need the kernel's help beyond reading and writing memory: to hold, and to map.</summary>
internal interface ITargetBackend
{
    /// <summary>Which one this is.</summary>
    BackendKind Kind { get; }

    /// <summary>
    /// Stops all threads of a target, runs <paramref name="body"/> while they are stopped, and lets them go whatever
    /// happens. With <paramref name="leaveSleepers"/> threads that sleep in a call which would notice a stop are left asleep,
    /// which the body makes sure of by <see cref="HeldProcess.TrySeal"/>. Returns how long the threads that were running were held. Gives up with <see cref="PatchErrorId.StopTimeout"/> when they
    /// don't all stop in <paramref name="stopTimeout"/>.
    /// <paramref name="early"/> is called before each stop, when the threads that run are not held: it sees those that sleep,
    /// which <paramref name="body"/> sees first and in the same order, unless they have run since
    /// (<see cref="HeldProcess.HasRunSince"/>). <paramref name="longest"/> is how long the body may take; should this process be
    /// stopped by then, it is continued.
    /// </summary>
    TimeSpan WhileHeld(TargetProcess target, TimeSpan stopTimeout, bool leaveSleepers, Action<HeldProcess> body,
        Action<HeldProcess>? early = null, TimeSpan? longest = null);

    /// <summary>
    /// Maps memory for a patch into the running target at exactly the places that <paramref name="request"/> asks for,
    /// filled with zeros. All of it or none of it. Returns how long a thread of the target was disturbed. Errors:
    /// <see cref="PatchErrorId.NoAddressSpace"/>, <see cref="PatchErrorId.SeccompBlocked"/>,
    /// <see cref="PatchErrorId.StopTimeout"/>.
    /// </summary>
    TimeSpan Map(TargetProcess target, MapRequest request, TimeSpan timeout, CancellationToken cancellation);

    /// <summary>Unmaps what <see cref="Map"/> mapped. The caller has made sure that nothing uses it.</summary>
    TimeSpan Unmap(TargetProcess target, MapRequest request, TimeSpan timeout);

    /// <summary>Calls IFUNC resolvers in the target, which take nothing and return an address.</summary>
    IReadOnlyList<ulong> CallResolvers(
        TargetProcess target, IReadOnlyList<ulong> resolvers, TimeSpan timeout, CancellationToken cancellation);
}
