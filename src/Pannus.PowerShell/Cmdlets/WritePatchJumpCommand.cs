using System.Management.Automation;
using Pannus.Journal;
using Pannus.Planning;
using Pannus.Safety;

namespace Pannus.PowerShell;

/// <summary>Makes a function of a target go on in another one (Type J).</summary>
[Cmdlet(VerbsCommunications.Write, "PatchJump", DefaultParameterSetName = StopSet, SupportsShouldProcess = true)]
[OutputType(typeof(PlannedWrite))]
public sealed class WritePatchJumpCommand : SymbolWriteCmdlet
{
    /// <summary>Where the jump leads: a symbol or an address.</summary>
    [Parameter(Position = 1, Mandatory = true)]
    [AddressTransformation]
    public AddressReference Destination { get; set; } = null!;

    /// <summary>What must hold of the target's threads.</summary>
    [Parameter]
    public SafetyCheck SafetyCheck { get; set; }

    /// <summary>Look for stacks that no thread is on in all memory, too.</summary>
    [Parameter]
    public SwitchParameter ScanMemory { get; set; }

    /// <inheritdoc/>
    protected override (SafetyCheck Check, bool ScanMemory) Safety => (SafetyCheck, ScanMemory);

    /// <inheritdoc/>
    protected override IReadOnlyList<PlannedWrite> Plan(WritePlanner planner)
    {
        Destination.CheckIsDestinationIn(Symbol.Id);
        planner.CheckIsCode(Destination.Address, Destination.ToString());
        return planner.Jump(Symbol, Destination.Address, Destination.ToString());
    }
}
