using System.Management.Automation;
using Pannus.Applying;
using Pannus.LivePatches;
using Pannus.Targets;

namespace Pannus.PowerShell;

/// <summary>Offers names of patches that are mounted into the target.</summary>
public sealed class MountedNameCompleter : TargetCompleter
{
    /// <inheritdoc/>
    private protected override IEnumerable<CompletionResult> Next(string word, TypedLine line)
    {
        if (line.Target is null) return [];
        using TargetProcess process = line.Target.Open();
        return [.. PatchLoader.GetMounted(process)
            .Where(m => m.Name.Length > 0 && m.Name.StartsWith(word, StringComparison.OrdinalIgnoreCase))
            .Select(m => Offer(m.Name, m.Name, $"{m.Path} at {DisplayText.Hex(m.Address)}"))];
    }
}

/// <summary>Offers the ids of patches that are applied to the target, or to any process, by the beginning of an id or name.</summary>
public sealed class LivePatchIdCompleter : TargetCompleter
{
    /// <inheritdoc/>
    private protected override IEnumerable<CompletionResult> Next(string word, TypedLine line)
    {
        using TargetProcess? process = line.Target?.Open();
        return [.. (process is null ? LivePatchCatalog.GetAll() : LivePatchCatalog.Get(process))
            .Where(p => p.LivePatchId.Length > 0 && (p.LivePatchId.StartsWith(word, StringComparison.OrdinalIgnoreCase)
                || p.Patch.StartsWith(word, StringComparison.OrdinalIgnoreCase)))
            .DistinctBy(p => p.LivePatchId)
            .Select(p => Offer(p.LivePatchId, $"{p.LivePatchId} {p.Patch}", $"{p.Patch}, {p.State} in {p.Name} ({p.Id})"))];
    }
}

/// <summary>Offers the modules of the target.</summary>
public sealed class ModuleNameCompleter : Completer
{
    /// <inheritdoc/>
    private protected override IEnumerable<CompletionResult> Complete(string word, TypedLine line)
    {
        if (line.Target is null) return [];
        using TargetProcess process = line.Target.Open();
        return [.. process.Modules.Where(m => m.Name.StartsWith(word, StringComparison.OrdinalIgnoreCase))
            .Select(m => Offer(m.Name, m.Name, $"{m.Path} at {DisplayText.Hex(m.Start)}"))];
    }
}
