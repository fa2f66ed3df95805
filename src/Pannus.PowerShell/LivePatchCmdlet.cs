using System.Management.Automation;
using Pannus.Applying;
using Pannus.LivePatches;

namespace Pannus.PowerShell;

/// <summary>What Invoke-LivePatch and Test-LivePatch share: which patch goes into which targets.</summary>
public abstract class LivePatchCmdlet : TargetCmdlet
{
    private PatchInput? _input;

    /// <summary>The patch file.</summary>
    [Parameter(ParameterSetName = TargetSet, Position = 1, Mandatory = true)]
    [Parameter(ParameterSetName = PipelineSet, Position = 0, Mandatory = true)]
    [NotTargetId, ValidateNotNullOrEmpty]
    public string Path { get; set; } = "";

    /// <summary>Map file of the target's program, or MODULE=FILE for another module; '' or '-' for none.</summary>
    [Parameter(ParameterSetName = TargetSet, Position = 2)]
    [Parameter(ParameterSetName = PipelineSet, Position = 1)]
    public string[]? MapFile { get; set; }

    /// <summary>Command file; without one the commands are those inside the patch file.</summary>
    [Parameter(ParameterSetName = TargetSet, Position = 3)]
    [Parameter(ParameterSetName = PipelineSet, Position = 2)]
    public string? CommandFile { get; set; }

    /// <summary>Separate debug file of the target's program, or MODULE=FILE for another module.</summary>
    [Parameter]
    public string[]? SymbolFile { get; set; }

    /// <summary>Whether the target's own unwinders are told of the patch.</summary>
    [Parameter]
    public UnwindOption Unwind { get; set; }

    /// <summary>What the user would be asked about.</summary>
    protected string Action => _input!.Action;

    /// <summary>What to apply, the same for all targets.</summary>
    protected LivePatchRequest Request { get; private set; } = null!;

    /// <summary>How to write.</summary>
    protected virtual WriteOptions Options => new();

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        base.BeginProcessing();
        _input = Once(() => PatchInput.Read(FullPath(Path), OptionalPath(CommandFile)));
        Request = Once(() => new LivePatchRequest
        {
            Patch = _input.Patch,
            Commands = _input.Commands,
            Symbols = SymbolOptions(MapFile, SymbolFile),
            Options = Options,
            Unwind = Unwind,
        });
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _input?.Dispose();
        base.Dispose(disposing);
    }
}
