using System.Management.Automation;
using Pannus.Core;

namespace Pannus.PowerShell;

/// <summary>
/// A cmdlet whose target is its first argument, or comes through the pipeline; then the other arguments move up by one.
/// The pipeline is the default set, and its positional text parameters bear <see cref="NotTargetIdAttribute"/>: that is
/// how PowerShell tells <c>Invoke-LivePatch 1234 fix.so</c> from <c>... | Invoke-LivePatch fix.so app.map</c>.
/// </summary>
public abstract class TargetCmdlet : PatchCmdlet
{
    /// <summary>The process to work on.</summary>
    [Parameter(ParameterSetName = TargetSet, Position = 0, Mandatory = true)]
    [TargetTransformation, ArgumentCompleter(typeof(TargetCompleter)), ValidateNotNull]
    public PatchTargetReference Target { get; set; } = null!;

    /// <summary>The process to work on, from the pipeline.</summary>
    [Parameter(ParameterSetName = PipelineSet, ValueFromPipeline = true)]
    [TargetTransformation, ValidateNotNull]
    public PatchTargetReference InputObject
    {
        get => Target;
        set => Target = value;
    }

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        // A name in place of the id ends up as the next argument, where it would only give a puzzling error.
        if (Target is null && !MyInvocation.ExpectingInput)
        {
            var error = new PatchException(PatchErrorId.TargetNotFound, "No target was given. Give a process id first, or "
                + $"find processes by name: Get-PatchTarget NAME | {MyInvocation.MyCommand.Name} ...");
            ThrowTerminatingError(PatchErrors.Record(error, null));
        }
    }
}
