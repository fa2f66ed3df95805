using System.Management.Automation;
using Pannus.Applying;
using Pannus.Core;
using Pannus.LivePatches;
using Pannus.Targets;

namespace Pannus.PowerShell;

/// <summary>Lists the patches that are applied to a process, or to all processes of this host, whoever applied them.</summary>
[Cmdlet(VerbsCommon.Get, "LivePatch")]
[OutputType(typeof(LivePatchInfo))]
public sealed class GetLivePatchCommand : PatchCmdlet
{
    /// <summary>The process to look into; without it all that this user may look into.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true)]
    [TargetTransformation, ArgumentCompleter(typeof(TargetCompleter)), ValidateNotNull]
    public PatchTargetReference? Target { get; set; }

    /// <summary>Only patches of this id or name; wildcards are allowed.</summary>
    [Parameter(Position = 1)]
    [SupportsWildcards, ArgumentCompleter(typeof(LivePatchIdCompleter)), ValidateNotNullOrEmpty]
    public string[]? LivePatchId { get; set; }

    /// <summary>Also compares memory with what was written, and tells which threads still run what a patch replaced.</summary>
    [Parameter]
    public SwitchParameter Verify { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (Target is not null) ForTarget(Target, target => Write(Get(target), target.DisplayName));
        else if (!MyInvocation.ExpectingInput) Write(GetAll(), "any process that this user may look into");
    }

    private IEnumerable<LivePatchInfo> GetAll()
    {
        if (!Verify) return LivePatchCatalog.GetAll(Cancellation);
        List<LivePatchInfo> all = [];
        foreach (LivePatchInfo found in LivePatchCatalog.GetAll(Cancellation).DistinctBy(p => p.Id))
            ForTarget(new PatchTargetReference(found), target => all.AddRange(Get(target)));
        return all;
    }

    private IReadOnlyList<LivePatchInfo> Get(TargetProcess target) =>
        Verify ? LivePatchCatalog.Verify(target, new WriteOptions(), Cancellation) : LivePatchCatalog.Get(target);

    private void Write(IEnumerable<LivePatchInfo> patches, string where)
    {
        WildcardPattern[] patterns = [.. (LivePatchId ?? ["*"]).Select(id => new WildcardPattern(id, WildcardOptions.IgnoreCase))];
        bool[] found = new bool[patterns.Length];
        foreach (LivePatchInfo patch in patches)
        {
            bool isWanted = false;
            for (int i = 0; i < patterns.Length; i++)
            {
                if (!patterns[i].IsMatch(patch.LivePatchId) && !patterns[i].IsMatch(patch.Patch)) continue;
                isWanted = found[i] = true;
            }
            if (isWanted) WriteObject(patch);
        }
        for (int i = 0; LivePatchId is not null && i < patterns.Length; i++)
        {
            if (found[i] || WildcardPattern.ContainsWildcardCharacters(LivePatchId[i])) continue;
            WriteError(PatchErrors.Record(
                new PatchException(PatchErrorId.LivePatchNotFound, $"There is no live patch {LivePatchId[i]} in {where}."), Target));
        }
    }
}
