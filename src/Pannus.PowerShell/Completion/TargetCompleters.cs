using System.Globalization;
using System.Management.Automation;
using Pannus.Applying;
using Pannus.Fleet;
using Pannus.LivePatches;
using Pannus.Targets;

namespace Pannus.PowerShell;

/// <summary>Offers names of processes that can be patched.</summary>
public sealed class ProcessNameCompleter : Completer
{
    /// <inheritdoc/>
    protected override IEnumerable<CompletionResult> Complete(string word, PatchTargetReference? target) =>
        TargetCatalog.GetAll(CancellationToken.None)
            .Where(t => t.CanPatch && t.Name.StartsWith(word, StringComparison.OrdinalIgnoreCase))
            .GroupBy(t => t.Name, StringComparer.Ordinal)
            .OrderBy(group => group.Key, StringComparer.OrdinalIgnoreCase)
            .Select(group => Offer(group.Key, group.Key, $"{group.First().Path} ({string.Join(", ", group.Select(t => t.Id))})"));
}

/// <summary>Offers ids of processes that can be patched, for the beginning of an id or of a name.</summary>
public sealed class TargetIdCompleter : Completer
{
    /// <inheritdoc/>
    protected override IEnumerable<CompletionResult> Complete(string word, PatchTargetReference? target) =>
        from found in TargetCatalog.GetAll(CancellationToken.None)
        let id = found.Id.ToString(CultureInfo.InvariantCulture)
        where found.CanPatch && (id.StartsWith(word, StringComparison.Ordinal)
            || found.Name.StartsWith(word, StringComparison.OrdinalIgnoreCase))
        orderby found.Id
        select Offer(id, $"{id} {found.Name}", $"{found.Name} ({id}) {found.Path}");
}

/// <summary>Offers names of patches that are mounted into the target.</summary>
public sealed class MountedNameCompleter : Completer
{
    /// <inheritdoc/>
    protected override IEnumerable<CompletionResult> Complete(string word, PatchTargetReference? target)
    {
        if (target is null) return [];
        using TargetProcess process = target.Open();
        return [.. PatchLoader.GetMounted(process).Where(m => m.Name.StartsWith(word, StringComparison.OrdinalIgnoreCase))
            .Select(m => Offer(m.Name, m.Name, $"{m.Path} at {DisplayText.Hex(m.Address)}"))];
    }
}

/// <summary>Offers the ids of patches that are applied to the target, or to any process, by the beginning of an id or name.</summary>
public sealed class LivePatchIdCompleter : Completer
{
    /// <inheritdoc/>
    protected override IEnumerable<CompletionResult> Complete(string word, PatchTargetReference? target)
    {
        using TargetProcess? process = target?.Open();
        return [.. (process is null ? LivePatchCatalog.GetAll() : LivePatchCatalog.Get(process))
            .Where(p => p.LivePatchId.StartsWith(word, StringComparison.OrdinalIgnoreCase)
                || p.Patch.StartsWith(word, StringComparison.OrdinalIgnoreCase))
            .DistinctBy(p => p.LivePatchId)
            .Select(p => Offer(p.LivePatchId, $"{p.LivePatchId} {p.Patch}", $"{p.Patch}, {p.State} in {p.Name} ({p.Id})"))];
    }
}
