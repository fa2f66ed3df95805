using System.Management.Automation;
using Pannus.Backends;

namespace Pannus.PowerShell;

/// <summary>Shows the ways that this host offers to reach into a process.</summary>
[Cmdlet(VerbsCommon.Get, "PatchBackend")]
[OutputType(typeof(BackendInfo))]
public sealed class GetPatchBackendCommand : PatchCmdlet
{
    /// <inheritdoc/>
    protected override void EndProcessing() => WriteObject(BackendSelector.GetAll(), enumerateCollection: true);
}
