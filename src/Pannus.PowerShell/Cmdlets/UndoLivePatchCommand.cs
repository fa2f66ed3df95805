using System.Management.Automation;
using Pannus.Applying;
using Pannus.Backends;
using Pannus.Core;
using Pannus.LivePatches;
using Pannus.Safety;
using Pannus.Targets;

namespace Pannus.PowerShell;

/// <summary>Takes patches back that are applied to running processes, whoever applied them.</summary>
[Cmdlet(VerbsCommon.Undo, "LivePatch", DefaultParameterSetName = PipelineSet, SupportsShouldProcess = true)]
[OutputType(typeof(UndoResult))]
public sealed class UndoLivePatchCommand : TargetCmdlet
{
    private readonly FamilyPasses _passes = new();

    /// <summary>Ids or names of the patches; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = TargetSet, Position = 1, ValueFromPipelineByPropertyName = true)]
    [Parameter(ParameterSetName = PipelineSet, Position = 0, ValueFromPipelineByPropertyName = true)]
    [NotTargetId, SupportsWildcards, ArgumentCompleter(typeof(LivePatchIdCompleter))]
    public string[]? LivePatchId { get; set; }

    /// <summary>What <c>Undo-LivePatch ID PATCH</c> has as PATCH while it is typed.</summary>
    [Parameter(ParameterSetName = PipelineSet, Position = 1, DontShow = true)]
    [ArgumentCompleter(typeof(LivePatchIdCompleter))]
    public string? Rest { get; set; }

    /// <summary>Takes all patches back, the newest first.</summary>
    [Parameter]
    public SwitchParameter All { get; set; }

    /// <summary>Overwrites what no longer holds what the patch wrote, and takes back what other patches require.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>How long to try, in seconds when it is a bare number.</summary>
    [Parameter, Seconds, ValidateTime(3600)]
    public TimeSpan Timeout { get; set; } = new WriteOptions().Timeout;

    /// <summary>How long to wait between two tries, in seconds when it is a bare number.</summary>
    [Parameter, Seconds, ValidateTime(60)]
    public TimeSpan RetryInterval { get; set; } = new WriteOptions().RetryInterval;

    /// <summary>How to reach into the target.</summary>
    [Parameter]
    public BackendKind Backend { get; set; }

    /// <summary>Undo in all descendants of the process as well, also in those that are born meanwhile.</summary>
    [Parameter]
    public SwitchParameter Family { get; set; }

    /// <summary>What must hold of the target's threads.</summary>
    [Parameter]
    public SafetyCheck SafetyCheck { get; set; }

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        base.BeginProcessing();
        CheckNone(Rest);
    }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        _passes.Add(Target, Family);
        Undo(Target, isMember: false);
    }

    /// <inheritdoc/>
    protected override void EndProcessing() => _passes.Run(member => Undo(member, isMember: true), Cancellation);

    // A member of a family that does not have the patch has nothing to undo.
    private void Undo(PatchTargetReference reference, bool isMember) => ForTarget(reference, target =>
    {
        if (isMember && !LivePatchCatalog.Get(target).Any(p => All || LivePatchId is null || LivePatchId.Any(id => IsMeant(p, id)))) return;
        foreach (LivePatchInfo patch in Wanted(target, reference)) Attempt(reference, () => Undo(target, patch));
    });

    // The newest first, so that no more is written than must be.
    private IEnumerable<LivePatchInfo> Wanted(TargetProcess target, PatchTargetReference reference)
    {
        if (!All && LivePatchId is null)
        {
            throw new PatchException(PatchErrorId.LivePatchNotFound, $"Which patch of {target.DisplayName} is to be undone? Give "
                + "-LivePatchId, or -All. Get-LivePatch shows what there is.");
        }
        LivePatchInfo[] patches = [.. LivePatchCatalog.Get(target).Reverse()];
        // An object of Get-LivePatch means that very patch, also where its id says nothing or there are two of it.
        if (reference.Source is LivePatchInfo one) return Known(patches.Where(p => p.Address == one.Address), one.Patch, target);
        return All ? patches : LivePatchId!.SelectMany(id => Known(patches.Where(p => IsMeant(p, id)), id, target)).Distinct();
    }

    private static bool IsMeant(LivePatchInfo patch, string id)
    {
        var pattern = new WildcardPattern(id, WildcardOptions.IgnoreCase);
        return pattern.IsMatch(patch.LivePatchId) || pattern.IsMatch(patch.Patch);
    }

    private static LivePatchInfo[] Known(IEnumerable<LivePatchInfo> found, string id, TargetProcess target)
    {
        LivePatchInfo[] patches = [.. found];
        if (patches.Length > 0 || WildcardPattern.ContainsWildcardCharacters(id)) return patches;
        throw new PatchException(PatchErrorId.LivePatchNotFound,
            $"There is no live patch {id} in {target.DisplayName}. Get-LivePatch {target.Id} shows what there is.");
    }

    private void Undo(TargetProcess target, LivePatchInfo patch)
    {
        var options = new UndoOptions
        {
            Write = new WriteOptions { Backend = Backend, Timeout = Timeout, RetryInterval = RetryInterval, SafetyCheck = SafetyCheck }, Force = Force,
        };
        if (ShouldProcess(target.DisplayName, $"Undo live patch {patch.Patch} ({patch.LivePatchId})", out bool isWhatIf))
            WriteObject(LivePatchUndo.Undo(target, patch.Address, options, WriteVerbose, Cancellation));
        else if (isWhatIf)
            WriteObject(LivePatchUndo.Plan(target, patch.Address, options));
    }
}
