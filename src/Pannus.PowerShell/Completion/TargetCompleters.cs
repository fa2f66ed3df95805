using System.Globalization;
using System.Management.Automation;
using Pannus.Fleet;

namespace Pannus.PowerShell;

/// <summary>Offers names of processes that can be patched.</summary>
public sealed class ProcessNameCompleter : Completer
{
    /// <inheritdoc/>
    private protected override IEnumerable<CompletionResult> Complete(string word, TypedLine line) =>
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
    private protected override IEnumerable<CompletionResult> Complete(string word, TypedLine line) => Targets(word);

    internal static IEnumerable<CompletionResult> Targets(string word) =>
        from found in TargetCatalog.GetAll(CancellationToken.None)
        let id = found.Id.ToString(CultureInfo.InvariantCulture)
        where found.CanPatch && (id.StartsWith(word, StringComparison.Ordinal)
            || found.Name.StartsWith(word, StringComparison.OrdinalIgnoreCase))
        orderby found.Id
        select Offer(id, $"{id} {found.Name}", $"{found.Name} ({id}) {found.Path}");
}

/// <summary>Offers files, and ids of processes where a file is not the first argument but may be taken for it.</summary>
public sealed class PathCompleter : TargetCompleter
{
    /// <inheritdoc/>
    private protected override IEnumerable<CompletionResult> Next(string word, TypedLine line) => CompletionCompleters.CompleteFilename(word);
}

/// <summary>
/// Offers ids of processes for the first argument, and files where the target comes through the pipeline: PowerShell takes
/// the first word for the target before it knows of that.
/// </summary>
public class TargetCompleter : Completer
{
    /// <inheritdoc/>
    private protected override IEnumerable<CompletionResult> Complete(string word, TypedLine line) =>
        line.Position == 0 ? TargetIdCompleter.Targets(word) : Next(word, line);

    /// <summary>What to offer for the arguments after the target.</summary>
    private protected virtual IEnumerable<CompletionResult> Next(string word, TypedLine line) => line.Command.ToUpperInvariant() switch
    {
        "RESOLVE-PATCHSYMBOL" or "TEST-PATCHSAFETY" => new SymbolCompleter().Next(word, line),
        "UNDO-LIVEPATCH" or "GET-LIVEPATCH" => new LivePatchIdCompleter().Next(word, line),
        "DISMOUNT-PATCHMODULE" => new MountedNameCompleter().Next(word, line),
        _ => CompletionCompleters.CompleteFilename(word),
    };
}
