using System.Management.Automation;
using Pannus.Journal;
using Pannus.Planning;

namespace Pannus.PowerShell;

/// <summary>Makes a pointer of a target point elsewhere (Type P).</summary>
[Cmdlet(VerbsCommunications.Write, "PatchPointer", DefaultParameterSetName = StopSet, SupportsShouldProcess = true)]
[OutputType(typeof(PlannedWrite))]
public sealed class WritePatchPointerCommand : SymbolWriteCmdlet
{
    /// <summary>Where the pointer leads: a symbol or an address.</summary>
    [Parameter(Position = 1, Mandatory = true)]
    [AddressTransformation]
    public AddressReference Destination { get; set; } = null!;

    /// <inheritdoc/>
    protected override IReadOnlyList<PlannedWrite> Plan(WritePlanner planner)
    {
        Destination.CheckIsDestinationIn(Symbol.Id);
        return [planner.Pointer(Symbol, Destination.Address, Destination.ToString())];
    }
}
