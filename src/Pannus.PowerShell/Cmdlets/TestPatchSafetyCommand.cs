using System.Management.Automation;
using Pannus.Applying;
using Pannus.Core;
using Pannus.Planning;
using Pannus.Safety;
using Pannus.Symbols;
using Pannus.Targets;

namespace Pannus.PowerShell;

/// <summary>Tells whether a thread of a target is inside functions or addresses that are to be overwritten.</summary>
[Cmdlet(VerbsDiagnostic.Test, "PatchSafety", DefaultParameterSetName = TargetSet)]
[OutputType(typeof(PatchSafety))]
public sealed class TestPatchSafetyCommand : PatchCmdlet
{
    /// <summary>The process to check; a suspension means that its hold is used.</summary>
    [Parameter(ParameterSetName = TargetSet, Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [TargetTransformation, ArgumentCompleter(typeof(TargetCompleter)), ValidateNotNull]
    public PatchTargetReference Target { get; set; } = null!;

    /// <summary>A hold to check in. Without one the target is stopped for the check.</summary>
    [Parameter(ParameterSetName = "Suspension", Mandatory = true), OwnHold]
    public PatchSuspension? Suspension { get; set; }

    /// <summary>Functions: symbols as Resolve-PatchSymbol gave them, or names.</summary>
    [Parameter(ParameterSetName = TargetSet, Position = 1)]
    [Parameter(ParameterSetName = "Suspension")]
    [ArgumentCompleter(typeof(SymbolCompleter)), ValidateNotNullOrEmpty]
    public object[] Symbol { get; set; } = [];

    /// <summary>First address of a range; needs -Length.</summary>
    [Parameter]
    [AddressTransformation]
    public AddressReference? Address { get; set; }

    /// <summary>Length of the range in bytes; needs -Address.</summary>
    [Parameter, ValidateRange(1, int.MaxValue)]
    public int Length { get; set; }

    /// <summary>What must hold of the target's threads.</summary>
    [Parameter]
    public SafetyCheck SafetyCheck { get; set; }

    /// <summary>Look for stacks that no thread is on in all memory, too.</summary>
    [Parameter]
    public SwitchParameter ScanMemory { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        PatchSuspension? suspension = Suspension ?? Target.Source as PatchSuspension;
        PatchTargetReference reference = suspension is null ? Target : new PatchTargetReference(suspension);
        ForTarget(reference, target =>
        {
            if (reference.IsForeignHold) throw new PatchException(PatchErrorId.CommandInvalid, OwnHoldAttribute.Advice);
            IReadOnlyList<AddressRange> ranges = Ranges(target);
            var options = new WriteOptions { SafetyCheck = SafetyCheck, ScanMemory = ScanMemory };
            WriteObject(suspension is null ? PatchTransaction.Check(target, ranges, options, Cancellation)
                : suspension.Check(ranges, SafetyCheck, ScanMemory));
        });
    }

    private List<AddressRange> Ranges(TargetProcess target)
    {
        if (Address is null != (Length == 0) || (Symbol.Length == 0 && Address is null))
        {
            throw new PatchException(PatchErrorId.CommandInvalid,
                "There is nothing to check. Give functions with -Symbol, or a range with both -Address and -Length.");
        }

        List<AddressRange> ranges = [];
        SymbolResolver? resolver = null;
        WritePlanner? planner = null;
        foreach (object item in Symbol)
        {
            ResolvedSymbol symbol = Revival.Of(item) switch
            {
                ResolvedSymbol known => known,
                string name => (resolver ??= new SymbolResolver(target, new ResolverOptions())).Resolve(name),
                var other => throw new PatchException(PatchErrorId.CommandInvalid, $"-Symbol takes names and what Resolve-PatchSymbol "
                    + $"gives, and not a {other?.GetType().Name ?? "null"}. A range is checked with -Address and -Length."),
            };
            new AddressReference(symbol).CheckIsIn(target.Id);
            ranges.AddRange((planner ??= new WritePlanner(target)).CodeOf(symbol));
        }
        Address?.CheckIsIn(target.Id);
        if (Address is not null) ranges.Add(new AddressRange(Address.Address, (ulong)Length));
        return ranges;
    }
}
