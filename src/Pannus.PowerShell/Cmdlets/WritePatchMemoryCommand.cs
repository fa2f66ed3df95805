using System.Management.Automation;
using Pannus.Journal;

namespace Pannus.PowerShell;

/// <summary>Writes bytes at an address of a target.</summary>
[Cmdlet(VerbsCommunications.Write, "PatchMemory", DefaultParameterSetName = StopSet, SupportsShouldProcess = true)]
[OutputType(typeof(PlannedWrite))]
public sealed class WritePatchMemoryCommand : WriteCmdlet
{
    /// <summary>The process to write to.</summary>
    [Parameter(Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [TargetTransformation, ArgumentCompleter(typeof(TargetIdCompleter)), ValidateNotNull]
    public PatchTargetReference Target { get; set; } = null!;

    /// <summary>Address of the first byte.</summary>
    [Parameter(Position = 1, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [AddressTransformation]
    public AddressReference Address { get; set; } = null!;

    /// <summary>The bytes, or hexadecimal digits.</summary>
    [Parameter(Position = 2, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [HexBytes, ValidateNotNullOrEmpty]
    public byte[] Bytes { get; set; } = [];

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        Write(Target, planner =>
        {
            Address.CheckIsIn(Target.Id);
            return [planner.Memory(Address.Address, Bytes)];
        });
    }
}
