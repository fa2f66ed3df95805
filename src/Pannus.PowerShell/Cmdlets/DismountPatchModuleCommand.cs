using System.Management.Automation;
using Pannus.Applying;
using Pannus.Backends;
using Pannus.Images;

namespace Pannus.PowerShell;

/// <summary>Unmaps a patch file from a target.</summary>
[Cmdlet(VerbsData.Dismount, "PatchModule", DefaultParameterSetName = "Module", SupportsShouldProcess = true)]
public sealed class DismountPatchModuleCommand : PatchCmdlet
{
    /// <summary>The mounted patch, as Mount-PatchModule gave it.</summary>
    [Parameter(ParameterSetName = "Module", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [Revived, ArgumentCompleter(typeof(TargetCompleter))]
    public PatchModule Module { get; set; } = null!;

    /// <summary>The process to work on.</summary>
    [Parameter(ParameterSetName = TargetSet, Position = 0, Mandatory = true)]
    [TargetTransformation, ArgumentCompleter(typeof(TargetCompleter)), ValidateNotNull]
    public PatchTargetReference Target { get; set; } = null!;

    /// <summary>The process to work on, from the pipeline.</summary>
    [Parameter(ParameterSetName = PipelineSet, Mandatory = true, ValueFromPipeline = true)]
    [TargetTransformation, ValidateNotNull]
    public PatchTargetReference InputObject
    {
        get => Target;
        set => Target = value;
    }

    /// <summary>Name of the mounted patch.</summary>
    [Parameter(ParameterSetName = TargetSet, Position = 1, Mandatory = true)]
    [Parameter(ParameterSetName = PipelineSet, Position = 0, Mandatory = true)]
    [NotTargetId, ArgumentCompleter(typeof(MountedNameCompleter)), ValidateNotNullOrEmpty]
    public string Name { get; set; } = "";

    /// <summary>What <c>Dismount-PatchModule ID NAME</c> has as NAME while it is typed.</summary>
    [Parameter(ParameterSetName = "Module", Position = 1, DontShow = true)]
    [ArgumentCompleter(typeof(MountedNameCompleter))]
    public string? Rest { get; set; }

    /// <summary>Unmap it even if the target was made to use it.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>How to reach into the target.</summary>
    [Parameter]
    public BackendKind Backend { get; set; }

    /// <summary>How long to try, in seconds when it is a bare number.</summary>
    [Parameter, Seconds, ValidateTime(3600)]
    public TimeSpan Timeout { get; set; } = new WriteOptions().Timeout;

    /// <inheritdoc/>
    protected override void BeginProcessing() => CheckNone(Rest);

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        bool isModule = ParameterSetName == "Module";
        (string name, ulong address) = isModule ? (Module.Name, Module.Address) : (Name, 0UL);
        ForTarget(isModule ? new PatchTargetReference(Module) : Target, target =>
        {
            if (ShouldProcess(target.DisplayName, $"Unmap patch {name}"))
                PatchLoader.Dismount(target, name, address, Backend, Timeout, Force, Cancellation);
        });
    }
}
