using System.Management.Automation;
using Pannus.Journal;
using Pannus.Planning;

namespace Pannus.PowerShell;

/// <summary>Writes bytes over a variable of a target (Type V).</summary>
[Cmdlet(VerbsCommunications.Write, "PatchVariable", DefaultParameterSetName = StopSet, SupportsShouldProcess = true)]
[OutputType(typeof(PlannedWrite))]
public sealed class WritePatchVariableCommand : SymbolWriteCmdlet
{
    /// <summary>The bytes, or hexadecimal digits.</summary>
    [Parameter(Position = 1, Mandatory = true)]
    [HexBytes, ValidateNotNullOrEmpty]
    public byte[] Value { get; set; } = [];

    /// <inheritdoc/>
    protected override IReadOnlyList<PlannedWrite> Plan(WritePlanner planner) => [planner.Variable(Symbol, Value)];
}
