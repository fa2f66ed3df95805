using System.Management.Automation;
using Pannus.Applying;
using Pannus.LivePatches;
using Pannus.Targets;

namespace Pannus.PowerShell;

/// <summary>What Invoke-LivePatch and Test-LivePatch share: which patch goes into which targets.</summary>
public abstract class LivePatchCmdlet : TargetCmdlet
{
    private PatchInput? _input;
    private (string Path, string? CommandFile, string MapFiles) _read;
    private bool _isFixed;

    /// <summary>The patch file.</summary>
    [Parameter(ParameterSetName = TargetSet, Position = 1, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Parameter(ParameterSetName = PipelineSet, Position = 0, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Alias("FullName"), NotTargetId, ArgumentCompleter(typeof(PathCompleter)), ValidateNotNullOrEmpty]
    public string Path { get; set; } = "";

    /// <inheritdoc/>
    protected override object? FileObject => Path;

    /// <summary>Map file of the target's program, or MODULE=FILE for another module; '' or '-' for none.</summary>
    [Parameter(ParameterSetName = TargetSet, Position = 2, ValueFromPipelineByPropertyName = true)]
    [Parameter(ParameterSetName = PipelineSet, Position = 1, ValueFromPipelineByPropertyName = true)]
    public string[]? MapFile { get; set; }

    /// <summary>Command file; without one the commands are those inside the patch file.</summary>
    [Parameter(ParameterSetName = TargetSet, Position = 3, ValueFromPipelineByPropertyName = true)]
    [Parameter(ParameterSetName = PipelineSet, Position = 2, ValueFromPipelineByPropertyName = true)]
    public string? CommandFile { get; set; }

    /// <summary>Separate debug file of the target's program, or MODULE=FILE for another module.</summary>
    [Parameter]
    public string[]? SymbolFile { get; set; }

    /// <summary>Whether the target's own unwinders are told of the patch.</summary>
    [Parameter]
    public UnwindOption Unwind { get; set; }

    /// <summary>Refuses a patch that leaves some code of its functions old.</summary>
    [Parameter]
    public SwitchParameter Strict { get; set; }

    /// <summary>What the user would be asked about.</summary>
    protected string Action => _input!.Action;

    /// <summary>What to apply.</summary>
    protected LivePatchRequest Request { get; private set; } = null!;

    /// <summary>How to write.</summary>
    protected virtual WriteOptions Options => new();

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        base.BeginProcessing();
        _isFixed = Path.Length > 0;
        if (_isFixed) Once(ReadFiles);
    }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        // Of a row of a table, or a file from the pipeline, the next one may fare better.
        bool isRead = _read == Files;
        if (!isRead) Attempt(Target, () => isRead = ReadFiles(), endsAtBadFile: _isFixed);
        if (isRead) ForTarget(Target, Work, endsAtBadFile: _isFixed);
    }

    /// <summary>Whether all targets get the same patch.</summary>
    protected bool IsFixed => _isFixed;

    /// <summary>Does the work on one target.</summary>
    protected abstract void Work(TargetProcess target);

    private (string Path, string? CommandFile, string MapFiles) Files => (Path, CommandFile, string.Join('\n', MapFile ?? []));

    private bool ReadFiles()
    {
        if (!_isFixed) CheckIsPatch(Path, Target);
        _input?.Dispose();
        _input = null;
        _read = default;
        _input = PatchInput.Read(FullPath(Path), OptionalPath(CommandFile));
        Request = new LivePatchRequest
        {
            Patch = _input.Patch,
            Commands = _input.Commands,
            Symbols = SymbolOptions(MapFile, SymbolFile),
            IsStrict = Strict,
            Options = Options,
            Unwind = Unwind,
        };
        _read = Files;
        return true;
    }

    /// <summary>Says what a patch leaves old.</summary>
    protected void Warn(LivePatchResult result)
    {
        if (result.IsPartial) WriteWarning($"{result.Patch} in {result.Name} ({result.Id}): {result.Coverage}.");
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _input?.Dispose();
        base.Dispose(disposing);
    }
}
