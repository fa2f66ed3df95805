using System.Management.Automation;
using Pannus.Applying;

namespace Pannus.PowerShell;

/// <summary>Lets a target go on that Suspend-PatchProcess holds.</summary>
[Cmdlet(VerbsLifecycle.Resume, "PatchProcess", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Low)]
[OutputType(typeof(PatchSuspension))]
public sealed class ResumePatchProcessCommand : PatchCmdlet
{
    /// <summary>The hold to end. Nothing, as Suspend-PatchProcess -WhatIf gives, is allowed: there is nothing to end.</summary>
    [Parameter(Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [AllowNull, OwnHold]
    public PatchSuspension? Suspension { get; set; }

    /// <summary>Give the ended hold to the pipeline, with the time it lasted.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (Suspension is not { } suspension) return;
        if (!ShouldProcess($"{suspension.Name} ({suspension.Id})", "Let go on")) return;
        Attempt(new PatchTargetReference(suspension), () =>
        {
            if (!suspension.IsHeld)
            {
                WriteWarning($"{suspension.Name} ({suspension.Id}) had gone on already, at the latest when its deadline "
                    + $"({DisplayText.Time(suspension.Deadline)}) had passed.");
            }
            WriteVerbose($"{suspension.Name} ({suspension.Id}) was held {DisplayText.Time(suspension.Resume())}");
            if (PassThru) WriteObject(suspension);
        });
    }
}
