using System.Management.Automation;
using Pannus.Applying;
using Pannus.Core;
using Pannus.Images;
using Pannus.Symbols;
using Pannus.Targets;

namespace Pannus.PowerShell;

/// <summary>Turns names into addresses in a target, or in a patch that is mounted into it.</summary>
[Cmdlet(VerbsDiagnostic.Resolve, "PatchSymbol", DefaultParameterSetName = PipelineSet)]
[OutputType(typeof(ResolvedSymbol))]
public sealed class ResolvePatchSymbolCommand : TargetCmdlet
{
    private ResolverOptions? _options;

    /// <summary>Names or wildcards.</summary>
    [Parameter(ParameterSetName = TargetSet, Position = 1, Mandatory = true)]
    [Parameter(ParameterSetName = PipelineSet, Position = 0, Mandatory = true)]
    [NotTargetId, SupportsWildcards, ArgumentCompleter(typeof(SymbolCompleter)), ValidateNotNullOrEmpty]
    public string[] Name { get; set; } = [];

    /// <summary>What <c>Resolve-PatchSymbol ID NAME</c> has as NAME while it is typed.</summary>
    [Parameter(ParameterSetName = PipelineSet, Position = 1, DontShow = true)]
    [ArgumentCompleter(typeof(SymbolCompleter))]
    public string? Rest { get; set; }

    /// <summary>Only symbols of modules of this name.</summary>
    [Parameter]
    [SupportsWildcards, ArgumentCompleter(typeof(ModuleNameCompleter)), ValidateNotNullOrEmpty]
    public string? Module { get; set; }

    /// <summary>Map file of the target's program, or MODULE=FILE for another module.</summary>
    [Parameter]
    public string[]? MapFile { get; set; }

    /// <summary>Separate debug file of the target's program, or MODULE=FILE for another module.</summary>
    [Parameter]
    public string[]? SymbolFile { get; set; }

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        base.BeginProcessing();
        CheckNone(Rest);
        _options = Once(() => SymbolOptions(MapFile, SymbolFile));
    }

    /// <inheritdoc/>
    protected override void ProcessRecord() => ForTarget(Target, target =>
    {
        var resolver = Target.Source is PatchModule ? null : new SymbolResolver(target, _options!);
        if (Name.Length > 1) resolver?.Prefetch([.. Name.Where(n => !HasWildcard(n)).Select(n => Module is null ? n : $"{Module}!{n}")]);
        foreach (string name in Name)
        {
            // One name that isn't there is no reason not to look for the others.
            Attempt(Target, () =>
            {
                foreach (ResolvedSymbol symbol in resolver is null ? InPatch(target, name) : InTarget(resolver, name))
                    WriteObject(symbol);
            });
        }
    });

    private IEnumerable<ResolvedSymbol> InTarget(SymbolResolver resolver, string name)
    {
        bool isPattern = HasWildcard(name);
        if (Module is null) return isPattern ? resolver.Find(name) : [resolver.Resolve(name)];
        if (!isPattern && !HasWildcard(Module)) return [resolver.Resolve($"{Module}!{name}")];
        var module = new WildcardPattern(Module, WildcardOptions.IgnoreCase);
        return resolver.Find(name).Where(symbol => module.IsMatch(symbol.Module));
    }

    private IEnumerable<ResolvedSymbol> InPatch(TargetProcess target, string name)
    {
        var module = (PatchModule)Target.Source!;
        List<ResolvedSymbol> found = [.. PatchLoader.Find(target, module, name)];
        return found.Count > 0 || HasWildcard(name) ? found : throw new PatchException(PatchErrorId.SymbolNotFound,
            $"Patch {module.Name} in {target.DisplayName} has no symbol '{name}'.");
    }

    private static bool HasWildcard(string name) => WildcardPattern.ContainsWildcardCharacters(name);
}
