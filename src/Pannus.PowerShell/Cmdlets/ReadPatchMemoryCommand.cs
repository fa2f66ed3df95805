using System.Management.Automation;
using Pannus.Core;

namespace Pannus.PowerShell;

/// <summary>Reads bytes of a target's memory, while it runs.</summary>
[Cmdlet(VerbsCommunications.Read, "PatchMemory")]
[OutputType(typeof(PatchMemory))]
public sealed class ReadPatchMemoryCommand : PatchCmdlet
{
    /// <summary>The process to read.</summary>
    [Parameter(Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [TargetTransformation, ArgumentCompleter(typeof(TargetIdCompleter)), ValidateNotNull]
    public PatchTargetReference Target { get; set; } = null!;

    /// <summary>Address of the first byte.</summary>
    [Parameter(Position = 1, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [AddressTransformation]
    public AddressReference Address { get; set; } = null!;

    /// <summary>Number of bytes.</summary>
    [Parameter(Position = 2, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Alias("Size"), ValidateRange(1, 16 << 20)]
    public int Length { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord() => ForTarget(Target, target =>
    {
        Address.CheckIsIn(target.Id);
        byte[] bytes = new byte[Length];
        int read = target.Memory.Read(Address.Address, bytes);
        if (read < Length)
        {
            throw new PatchException(PatchErrorId.MemoryInaccessible, $"Only {read} of {Length} bytes at "
                + $"{DisplayText.Hex(Address.Address)} of {target.DisplayName} can be read: nothing is mapped behind them. "
                + "Check the address and the length.");
        }
        WriteObject(new PatchMemory(target.Id, target.StartTicks, Address.Address, bytes));
    });
}
