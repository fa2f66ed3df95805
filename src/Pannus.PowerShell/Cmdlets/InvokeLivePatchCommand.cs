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
    private readonly FamilyPasses _passes = new();
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

    /// <summary>Patch all descendants of the process as well, also those that are born meanwhile.</summary>
    [Parameter]
    public SwitchParameter Family { get; set; }

    /// <inheritdoc/>
    protected override WriteOptions Options => new()
    {
        Backend = Backend, Timeout = Timeout, RetryInterval = RetryInterval, SafetyCheck = SafetyCheck, ScanMemory = ScanMemory,
    };

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        base.ProcessRecord();
        _passes.Add(Target, Family);
        // Of a row of a table the next one may bring another patch.
        if (!IsFixed) _passes.Run(Patch, Cancellation);
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        _passes.Run(Patch, Cancellation);
        if (_progress is null) return;
        _progress.RecordType = ProgressRecordType.Completed;
        WriteProgress(_progress);
    }

    /// <inheritdoc/>
    protected override void Work(TargetProcess target)
    {
        ShowProgress(target.DisplayName);
        if (ShouldProcess(target.DisplayName, Action, out bool isWhatIf)) Write(LivePatch.Apply(target, Request, WriteVerbose, Cancellation));
        else if (isWhatIf) Write(LivePatch.Plan(target, Request).Result);
    }

    private void Patch(PatchTargetReference member) => ForTarget(member, Work, endsAtBadFile: IsFixed);

    private void Write(LivePatchResult result)
    {
        Warn(result);
        WriteObject(result);
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
