using System.Management.Automation;
using Pannus.Applying;
using Pannus.Backends;
using Pannus.Core;
using Pannus.Journal;
using Pannus.Planning;
using Pannus.Safety;

namespace Pannus.PowerShell;

/// <summary>A cmdlet that makes one write to a target, in a hold that is given or in a stop of its own.</summary>
public abstract class WriteCmdlet : PatchCmdlet
{
    /// <summary>Parameter set of a write within a hold that the user has.</summary>
    protected const string SuspensionSet = "Suspension";

    /// <summary>Parameter set of a write that stops the target itself.</summary>
    protected const string StopSet = "Stop";

    /// <summary>A hold to write in. Without one the target is stopped for the write.</summary>
    [Parameter(ParameterSetName = SuspensionSet, Mandatory = true), OwnHold]
    public PatchSuspension? Suspension { get; set; }

    /// <summary>How long to try.</summary>
    [Parameter(ParameterSetName = StopSet), Seconds, ValidateTime(3600)]
    public TimeSpan Timeout { get; set; } = new WriteOptions().Timeout;

    /// <summary>How long to wait between two tries.</summary>
    [Parameter(ParameterSetName = StopSet), Seconds, ValidateTime(60)]
    public TimeSpan RetryInterval { get; set; } = new WriteOptions().RetryInterval;

    /// <summary>How to reach into the target.</summary>
    [Parameter(ParameterSetName = StopSet)]
    public BackendKind Backend { get; set; }

    /// <summary>Give the write to the pipeline, with the bytes that were there before.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <summary>What must hold of the target's threads; it matters for functions only.</summary>
    protected virtual (SafetyCheck Check, bool ScanMemory) Safety => default;

    /// <summary>Plans a write, asks, and makes it.</summary>
    protected void Write(PatchTargetReference reference, Func<WritePlanner, IReadOnlyList<PlannedWrite>> plan) => ForTarget(reference, target =>
    {
        if (Suspension is not null && Suspension.Id != target.Id)
        {
            throw new PatchException(PatchErrorId.CommandInvalid,
                $"The suspension holds process {Suspension.Id}, but the write is to {target.DisplayName}.");
        }
        IReadOnlyList<PlannedWrite> writes = plan(new WritePlanner(target));
        if (!ShouldProcess(target.DisplayName, Describe(writes[^1]))) return;
        if (Suspension is null)
        {
            var options = new WriteOptions
            {
                Backend = Backend, Timeout = Timeout, RetryInterval = RetryInterval, SafetyCheck = Safety.Check, ScanMemory = Safety.ScanMemory,
            };
            PatchTransaction.Write(target, writes, options, WriteVerbose, Cancellation);
        }
        else
        {
            Suspension.Write(writes, Safety.Check, Safety.ScanMemory);
        }
        if (PassThru) WriteObject(writes, enumerateCollection: true);
    });

    private static string Describe(PlannedWrite write)
    {
        string place = write.Symbol == "" ? DisplayText.Hex(write.Address) : $"{write.Symbol} ({DisplayText.Hex(write.Address)})";
        string to = write.Destination == "" ? "" : $" to {write.Destination}";
        return write.Kind == PlannedWriteKind.Memory || write.Kind == PlannedWriteKind.Variable
            ? $"Write {DisplayText.Count(write.NewBytes.Length / 2, "byte")} at {place}"
            : $"Write {write.Kind.ToString().ToLowerInvariant()} at {place}{to}";
    }
}
