using System.Management.Automation;
using Pannus.Journal;
using Pannus.Planning;
using Pannus.Symbols;

namespace Pannus.PowerShell;

/// <summary>A cmdlet that writes over a symbol.</summary>
public abstract class SymbolWriteCmdlet : WriteCmdlet
{
    /// <summary>The symbol to write over, as Resolve-PatchSymbol gave it.</summary>
    [Parameter(Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [Revived]
    public ResolvedSymbol Symbol { get; set; } = null!;

    /// <inheritdoc/>
    protected override void ProcessRecord() => Write(new PatchTargetReference(Symbol), Plan);

    /// <summary>Plans the write; the last of several is the one to speak of.</summary>
    protected abstract IReadOnlyList<PlannedWrite> Plan(WritePlanner planner);
}
