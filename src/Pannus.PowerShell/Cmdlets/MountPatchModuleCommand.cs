using System.Management.Automation;
using Pannus.Applying;
using Pannus.Backends;
using Pannus.Images;
using Pannus.Symbols;

namespace Pannus.PowerShell;

/// <summary>Maps a patch file into a running target and links it, without changing what the target does.</summary>
[Cmdlet(VerbsData.Mount, "PatchModule", DefaultParameterSetName = PipelineSet, SupportsShouldProcess = true)]
[OutputType(typeof(PatchModule))]
public sealed class MountPatchModuleCommand : TargetCmdlet
{
    private PatchFile? _patch;
    private bool _isFixed;
    private ResolverOptions? _symbols;

    /// <summary>The patch file.</summary>
    [Parameter(ParameterSetName = TargetSet, Position = 1, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Parameter(ParameterSetName = PipelineSet, Position = 0, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Alias("FullName"), NotTargetId, ArgumentCompleter(typeof(PathCompleter)), ValidateNotNullOrEmpty]
    public string Path { get; set; } = "";

    /// <inheritdoc/>
    protected override object? FileObject => Path;

    /// <summary>Map file of the target's program, or MODULE=FILE for another module.</summary>
    [Parameter]
    public string[]? MapFile { get; set; }

    /// <summary>Separate debug file of the target's program, or MODULE=FILE for another module.</summary>
    [Parameter]
    public string[]? SymbolFile { get; set; }

    /// <summary>How to reach into the target.</summary>
    [Parameter]
    public BackendKind Backend { get; set; }

    /// <summary>How long to try, in seconds when it is a bare number.</summary>
    [Parameter, Seconds, ValidateTime(3600)]
    public TimeSpan Timeout { get; set; } = new WriteOptions().Timeout;

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        base.BeginProcessing();
        _isFixed = Path.Length > 0;
        if (_isFixed) _patch = Once(() => PatchFile.Open(FullPath(Path)));
        _symbols = Once(() => SymbolOptions(MapFile, SymbolFile));
    }

    /// <inheritdoc/>
    protected override void ProcessRecord() => ForTarget(Target, target =>
    {
        if (!_isFixed)
        {
            CheckIsPatch(Path, Target);
            _patch?.Dispose();
            _patch = PatchFile.Open(FullPath(Path));
        }
        if (ShouldProcess(target.DisplayName, $"Map patch file {_patch!.FileName}"))
            WriteObject(PatchLoader.Mount(target, _patch, _symbols!, Backend, Timeout, Cancellation));
    }, endsAtBadFile: _isFixed);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _patch?.Dispose();
        base.Dispose(disposing);
    }
}
