using System.Management.Automation;
using Pannus.Applying;
using Pannus.Backends;
using Pannus.LivePatches;
using Pannus.Safety;
using Pannus.Targets;

namespace Pannus.PowerShell;

/// <summary>Applies a patch to running processes: all of it or none of it, each process for itself.</summary>
[Cmdlet(VerbsLifecycle.Invoke, "LivePatch", DefaultParameterSetName = PipelineSet, SupportsShouldProcess = true)]
[OutputType(typeof(LivePatchResult))]
[Alias("pannus")]
public sealed class InvokeLivePatchCommand : LivePatchCmdlet
{
    private int _targets;
    private ProgressRecord? _progress;

    /// <summary>How long to try, in seconds when it is a bare number.</summary>
    [Parameter, Seconds, ValidateTime(3600)]
    public TimeSpan Timeout { get; set; } = new WriteOptions().Timeout;

    /// <summary>How long to wait between two tries, in seconds when it is a bare number.</summary>
    [Parameter, Seconds, ValidateTime(60)]
    public TimeSpan RetryInterval { get; set; } = new WriteOptions().RetryInterval;

    /// <summary>What must hold of the target's threads.</summary>
    [Parameter]
    public SafetyCheck SafetyCheck { get; set; }

    /// <summary>Look for stacks that no thread is on in all memory, too.</summary>
    [Parameter]
    public SwitchParameter ScanMemory { get; set; }

    /// <summary>How to reach into the target.</summary>
    [Parameter]
    public BackendKind Backend { get; set; }

    /// <inheritdoc/>
    protected override WriteOptions Options => new()
    {
        Backend = Backend, Timeout = Timeout, RetryInterval = RetryInterval, SafetyCheck = SafetyCheck, ScanMemory = ScanMemory,
    };

    /// <inheritdoc/>
    protected override void Work(TargetProcess target)
    {
        ShowProgress(target.DisplayName);
        if (ShouldProcess(target.DisplayName, Action, out bool isWhatIf))
            WriteObject(LivePatch.Apply(target, Request, WriteVerbose, Cancellation));
        else if (isWhatIf)
            WriteObject(LivePatch.Plan(target, Request).Result);
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        if (_progress is null) return;
        _progress.RecordType = ProgressRecordType.Completed;
        WriteProgress(_progress);
    }

    // How many targets the pipeline will bring is not known; one alone is done before anybody could read a bar.
    private void ShowProgress(string target)
    {
        if (++_targets < 2) return;
        _progress ??= new ProgressRecord(0, Action, target);
        _progress.StatusDescription = $"{target}, number {_targets}";
        WriteProgress(_progress);
    }
}
