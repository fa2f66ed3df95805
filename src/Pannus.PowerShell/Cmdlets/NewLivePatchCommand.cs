using System.Management.Automation;
using Pannus.Authoring;
using Pannus.Authoring.Building;
using Pannus.Authoring.Making;
using Pannus.Authoring.Packages;
using Pannus.Core;

namespace Pannus.PowerShell;

/// <summary>
/// Makes a patch from a source file, from the objects of two builds, from a source tree and a diff, or from a package of
/// Debian and a diff.
/// </summary>
[Cmdlet(VerbsCommon.New, "LivePatch", DefaultParameterSetName = BuildSet, SupportsShouldProcess = true)]
[OutputType(typeof(LivePatchBuild))]
public sealed class NewLivePatchCommand : PatchCmdlet
{
    private const string FileSet = "SourceFile", ObjectSet = "Objects", BuildSet = "SourceDirectory", PackageSet = "Package";
    private readonly ProgressRecord _progress = new(1, "New-LivePatch", "Starting");

    /// <summary>The program, library or process that the patch is for.</summary>
    [Parameter(ParameterSetName = FileSet, Position = 0, Mandatory = true)]
    [Parameter(ParameterSetName = ObjectSet, Position = 0, Mandatory = true)]
    [Parameter(ParameterSetName = BuildSet, Position = 0, Mandatory = true)]
    [Parameter(ParameterSetName = PackageSet, Position = 0)]
    [ArgumentCompleter(typeof(TargetIdCompleter)), ValidateNotNull]
    public PatchTargetFile Target { get; set; } = null!;

    /// <summary>A file of C or C++ with the new functions.</summary>
    [Parameter(ParameterSetName = FileSet, Mandatory = true), ValidateNotNullOrEmpty]
    public string SourceFile { get; set; } = "";

    /// <summary>Functions of the target that those of the same names in the source file replace.</summary>
    [Parameter(ParameterSetName = FileSet), ValidateNotNullOrEmpty]
    public string[] Jump { get; set; } = [];

    /// <summary>Further arguments for the compiler.</summary>
    [Parameter(ParameterSetName = FileSet)]
    public string[] CompilerArgument { get; set; } = [];

    /// <summary>Objects of the build that the target is from; folders and wildcards as well.</summary>
    [Parameter(ParameterSetName = ObjectSet, Mandatory = true), ValidateNotNullOrEmpty]
    public string[] Original { get; set; } = [];

    /// <summary>Objects of the fixed build.</summary>
    [Parameter(ParameterSetName = ObjectSet, Mandatory = true), ValidateNotNullOrEmpty]
    public string[] Patched { get; set; } = [];

    /// <summary>The source that the target was built from.</summary>
    [Parameter(ParameterSetName = BuildSet, Mandatory = true), ValidateNotNullOrEmpty]
    public string SourceDirectory { get; set; } = "";

    /// <summary>The fix, as a unified diff of the source.</summary>
    [Parameter(ParameterSetName = BuildSet, Mandatory = true)]
    [Parameter(ParameterSetName = PackageSet)]
    [ValidateNotNullOrEmpty]
    public string Diff { get; set; } = "";

    /// <summary>Shell command that configures and builds, run in a copy of the source.</summary>
    [Parameter(ParameterSetName = BuildSet, Mandatory = true), ValidateNotNullOrEmpty]
    public string BuildCommand { get; set; } = "";

    /// <summary>Shell command that builds again what changed; without it, the build command without its configuring steps.</summary>
    [Parameter(ParameterSetName = BuildSet), ValidateNotNullOrEmpty]
    public string? RebuildCommand { get; set; }

    /// <summary>A package of Debian, binary or source.</summary>
    [Parameter(ParameterSetName = PackageSet, Mandatory = true), ValidateNotNullOrEmpty]
    public string Package { get; set; } = "";

    /// <summary>A patch of the newest version's debian/patches, by its name.</summary>
    [Parameter(ParameterSetName = PackageSet), ValidateNotNullOrEmpty]
    public string? Patch { get; set; }

    /// <summary>File with the target's symbols, for one that is stripped.</summary>
    [Parameter(ParameterSetName = ObjectSet)]
    [Parameter(ParameterSetName = BuildSet)]
    public string? SymbolFile { get; set; }

    /// <summary>The patch to write.</summary>
    [Parameter(Mandatory = true), ValidateNotNullOrEmpty]
    public string OutFile { get; set; } = "";

    /// <summary>The patch's name; without it that of its file.</summary>
    [Parameter, ValidateNotNullOrEmpty]
    public string Name { get; set; } = "";

    /// <summary>Ids or names of patches that a target must have for this one.</summary>
    [Parameter, ValidateNotNullOrEmpty]
    public string[] Requires { get; set; } = [];

    /// <summary>Functions that must not be active when the patch is applied, though it doesn't replace them.</summary>
    [Parameter(ParameterSetName = ObjectSet)]
    [Parameter(ParameterSetName = BuildSet)]
    [Parameter(ParameterSetName = PackageSet)]
    [ValidateNotNullOrEmpty]
    public string[] NotActive { get; set; } = [];

    /// <inheritdoc/>
    protected override void EndProcessing() => Attempt(null, () =>
    {
        var options = new MakeOptions { OutFile = FullPath(OutFile), Name = Name, Requires = Requires, NotActive = NotActive };
        try
        {
            foreach (LivePatchBuild result in Make(options)) Emit(result);
        }
        finally
        {
            _progress.RecordType = ProgressRecordType.Completed;
            WriteProgress(_progress);
        }
    });

    private IReadOnlyList<LivePatchBuild> Make(MakeOptions options) => ParameterSetName switch
    {
        FileSet => [new SourceFilePatch(ExistingFile(SourceFile), Files()[0], options, Cancellation).Make(Jump, CompilerArgument)],
        ObjectSet => [FromObjects(options)],
        PackageSet => new PackagePatch(Package, Target is null ? null : Files(), options, ShowProgress, Cancellation)
            .Make(Diff == "" ? null : ExistingFile(Diff), Patch),
        _ => PatchMaker.FromSource(new SourceBuildInput
        {
            SourceDirectory = Folder(SourceDirectory), Diff = SourceDiff.Read(FullPath(Diff)), BuildCommand = BuildCommand,
            RebuildCommand = RebuildCommand, Progress = ShowProgress,
        }, Files(), options, Cancellation),
    };

    private LivePatchBuild FromObjects(MakeOptions options)
    {
        IReadOnlyList<ObjectPair> pairs = ObjectPairing.Pair(Objects(Original), Objects(Patched));
        IReadOnlyList<TargetFile> files = Files();
        // Of a process, the objects' own binary is the one that has their functions: its program, if nothing else was given.
        return PatchMaker.FromObjects(pairs, files[0], options, Cancellation);
    }

    private IReadOnlyList<TargetFile> Files()
    {
        string? symbols = SymbolFile is null ? null : ExistingFile(SymbolFile);
        return [.. Target.Files(FullPath).Select(f => f with { SymbolPath = symbols })];
    }

    private IReadOnlyList<string> Objects(string[] paths)
    {
        List<string> files = [];
        foreach (string path in paths)
        {
            foreach (string resolved in SessionState.Path.GetResolvedProviderPathFromPSPath(path, out _))
            {
                if (Directory.Exists(resolved)) files.AddRange(Directory.EnumerateFiles(resolved, "*.o", SearchOption.AllDirectories));
                else files.Add(resolved);
            }
        }
        return files.Count > 0 ? files : throw new PatchException(PatchErrorId.PatchFileNotFound, $"There is no object in {string.Join(", ", paths)}.");
    }

    private string ExistingFile(string path) => FullPath(path) is var full && File.Exists(full) ? full
        : throw new PatchException(PatchErrorId.PatchFileNotFound, $"There is no file {full}.");

    private string Folder(string path) => FullPath(path).TrimEnd('/') is var full && Directory.Exists(full) ? full
        : throw new PatchException(PatchErrorId.PatchFileNotFound, $"There is no folder {full}.");

    private void ShowProgress(string what, string line)
    {
        _progress.StatusDescription = what;
        _progress.CurrentOperation = line;
        WriteProgress(_progress);
    }

    private void Emit(LivePatchBuild result)
    {
        foreach (string line in BuildTable.Lines(result)) WriteVerbose(line);
        foreach (PatchFinding finding in result.Findings)
        {
            if (finding.Severity == PatchFindingSeverity.Warning) WriteWarning(finding.Message);
            else if (finding.Severity == PatchFindingSeverity.Note) WriteVerbose(finding.Message);
        }
        if (result.Verdict == PatchVerdict.Made && result.Content is { } content)
        {
            if (ShouldProcess(result.Path, $"Write the patch for {result.Binary}", out bool isWhatIf)) File.WriteAllBytes(result.Path, content);
            else result = result with { Path = "" };
            if (isWhatIf)
                foreach (string line in BuildTable.Lines(result)) Host.UI.WriteLine(line);
        }
        WriteObject(result with { Content = null });
        if (result.Verdict != PatchVerdict.Refused) return;
        string[] refusals = [.. result.Findings.Where(f => f.Severity == PatchFindingSeverity.Refusal).Select(f => f.Message)];
        string message = $"No patch can be made for {result.Binary}: {(refusals.Length == 1 ? refusals[0]
            : $"{refusals.Length} reasons.\n{string.Join('\n', refusals.Select(r => $"  - {r}"))}")}";
        WriteError(new ErrorRecord(new PatchException(PatchErrorId.NotPatchable, message), nameof(PatchErrorId.NotPatchable),
            ErrorCategory.InvalidOperation, result));
    }
}
