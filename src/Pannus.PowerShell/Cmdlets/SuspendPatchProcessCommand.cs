using System.Management.Automation;
using System.Management.Automation.Runspaces;
using Pannus.Applying;
using Pannus.Backends;
using Pannus.Targets;

namespace Pannus.PowerShell;

/// <summary>Holds all threads of a target until it is resumed, or until the deadline.</summary>
[Cmdlet(VerbsLifecycle.Suspend, "PatchProcess", SupportsShouldProcess = true)]
[OutputType(typeof(PatchSuspension))]
public sealed class SuspendPatchProcessCommand : PatchCmdlet
{
    /// <summary>The process to hold.</summary>
    [Parameter(Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [TargetTransformation, ArgumentCompleter(typeof(TargetIdCompleter)), ValidateNotNull]
    public PatchTargetReference Target { get; set; } = null!;

    /// <summary>When to let go of it in any case, counted from the stop.</summary>
    [Parameter, Seconds, ValidateTime(60)]
    public TimeSpan Deadline { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>How long to wait for its threads to stop.</summary>
    [Parameter, Seconds, ValidateTime(3600)]
    public TimeSpan Timeout { get; set; } = new WriteOptions().Timeout;

    /// <summary>How to reach into the target.</summary>
    [Parameter]
    public BackendKind Backend { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord() => Attempt(Target, () =>
    {
        TargetProcess? target = Target.Open();
        PatchSuspension? suspension = null;
        try
        {
            if (!ShouldProcess(target.DisplayName, $"Hold for at most {DisplayText.Time(Deadline)}")) return;
            suspension = PatchSuspension.Start(target, Backend, Timeout, Deadline, Cancellation);
            EndWithRunspace(suspension);
            // Throws after Ctrl-C, and then nobody would have the object to resume it with. Otherwise the suspension has
            // the target from here on, and closes it.
            WriteObject(suspension);
            (suspension, target) = (null, null);
        }
        finally
        {
            suspension?.Dispose();
            target?.Dispose();
        }
    });

    // Who closes the session has no way left to resume.
    private static void EndWithRunspace(PatchSuspension suspension)
    {
        if (Runspace.DefaultRunspace is not { } runspace) return;
        runspace.StateChanged += Release;
        _ = suspension.WhenEnded().ContinueWith(_ => runspace.StateChanged -= Release, TaskScheduler.Default);

        void Release(object? sender, RunspaceStateEventArgs e)
        {
            if (e.RunspaceStateInfo.State is RunspaceState.Closing or RunspaceState.Closed or RunspaceState.Broken) suspension.Dispose();
        }
    }
}
