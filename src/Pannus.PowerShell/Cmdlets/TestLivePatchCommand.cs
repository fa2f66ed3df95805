using System.Management.Automation;
using Pannus.Journal;
using Pannus.LivePatches;
using Pannus.Targets;

namespace Pannus.PowerShell;

/// <summary>Shows every write that a live patch would make, or why it would be refused. Nothing is touched.</summary>
[Cmdlet(VerbsDiagnostic.Test, "LivePatch", DefaultParameterSetName = PipelineSet)]
[OutputType(typeof(PlannedWrite))]
public sealed class TestLivePatchCommand : LivePatchCmdlet
{
    /// <inheritdoc/>
    protected override void Work(TargetProcess target)
    {
        LivePatchPlan plan = LivePatch.Plan(target, Request);
        Warn(plan.Result);
        WriteObject(plan.Writes, enumerateCollection: true);
    }
}
