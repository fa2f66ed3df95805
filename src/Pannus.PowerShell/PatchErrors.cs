using System.Management.Automation;
using Pannus.Core;
using Pannus.Fleet;

namespace Pannus.PowerShell;

/// <summary>The one place where the engine's refusals become PowerShell's error records.</summary>
internal static class PatchErrors
{
    /// <summary>
    /// An error record whose id begins with the name of the <see cref="PatchErrorId"/> and whose target object is the
    /// <see cref="PatchTarget"/>, as far as it is known.
    /// </summary>
    public static ErrorRecord Record(PatchException exception, PatchTargetReference? reference) =>
        new(exception, exception.Id.ToString(), Category(exception.Id), TargetObject(reference));

    /// <summary>Whether a file that the user gave is at fault, so that no other target can fare better.</summary>
    public static bool IsBadFile(PatchErrorId id) => id is PatchErrorId.PatchFileNotFound or PatchErrorId.PatchFileInvalid;

    private static object? TargetObject(PatchTargetReference? reference)
    {
        if (reference is null) return null;
        if (reference.Source is PatchTarget known) return known;
        try
        {
            return TargetCatalog.Get(reference.Id);
        }
        catch (PatchException)
        {
            // It is gone: its number is all that can be said.
            return reference.Id;
        }
    }

    private static ErrorCategory Category(PatchErrorId id) => id switch
    {
        PatchErrorId.TargetNotFound or PatchErrorId.TargetReplaced or PatchErrorId.PatchFileNotFound
            or PatchErrorId.SymbolNotFound or PatchErrorId.LivePatchNotFound => ErrorCategory.ObjectNotFound,
        PatchErrorId.AccessDenied => ErrorCategory.PermissionDenied,
        PatchErrorId.BuildIdMismatch or PatchErrorId.ArchitectureMismatch or PatchErrorId.PatchFileInvalid
            or PatchErrorId.CommandInvalid or PatchErrorId.SymbolSizeMismatch => ErrorCategory.InvalidData,
        PatchErrorId.SymbolAmbiguous => ErrorCategory.InvalidArgument,
        PatchErrorId.RelocationUnsupported or PatchErrorId.ConstructorUnsupported => ErrorCategory.NotImplemented,
        PatchErrorId.FunctionTooShort or PatchErrorId.EntryIsBranchTarget or PatchErrorId.CodeChanged
            or PatchErrorId.LivePatchRequired or PatchErrorId.ValueChanged or PatchErrorId.NotPatchable => ErrorCategory.InvalidOperation,
        PatchErrorId.JournalDamaged => ErrorCategory.InvalidData,
        PatchErrorId.FunctionActive or PatchErrorId.TargetTraced or PatchErrorId.TargetBusy => ErrorCategory.ResourceBusy,
        PatchErrorId.NoAddressSpace => ErrorCategory.ResourceUnavailable,
        PatchErrorId.SeccompBlocked => ErrorCategory.SecurityError,
        PatchErrorId.Interrupted => ErrorCategory.OperationStopped,
        PatchErrorId.StopTimeout => ErrorCategory.OperationTimeout,
        PatchErrorId.MemoryInaccessible => ErrorCategory.ReadError,
        _ => ErrorCategory.NotSpecified,
    };
}
