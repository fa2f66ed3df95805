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
        Record(exception, TargetObject(reference));

    /// <summary>The same, with a target object of any kind.</summary>
    public static ErrorRecord Record(PatchException exception, object? target) =>
        new(exception, exception.Id.ToString(), Category(exception.Id), target)
        {
            ErrorDetails = new ErrorDetails(exception.Message) { RecommendedAction = Action(exception.Id) },
        };

    /// <summary>Whether a file that the user gave is at fault, so that no other target can fare better.</summary>
    public static bool IsBadFile(PatchErrorId id) => id is PatchErrorId.PatchFileNotFound or PatchErrorId.PatchFileInvalid;

    public static object? TargetObject(PatchTargetReference? reference)
    {
        if (reference is null) return null;
        if (reference.Source is PatchTarget known) return known;
        try
        {
            return TargetCatalog.Get(reference.Id);
        }
        catch (PatchException)
        {
            // It is gone: what was said of it, or its number, is all that there is.
            return reference.Source ?? reference.Id;
        }
    }

    // The message says what to do about this very case; this is where to look for more.
    private static string Action(PatchErrorId id) => id switch
    {
        PatchErrorId.TargetNotFound or PatchErrorId.TargetReplaced => "Look the process up again: Get-PatchTarget",
        PatchErrorId.AccessDenied or PatchErrorId.SeccompBlocked => "See what this user may do on this host: Get-PatchBackend, Get-PatchTarget",
        PatchErrorId.BuildIdMismatch or PatchErrorId.ArchitectureMismatch =>
            "Compare the builds: Get-PatchTarget shows BuildId and Architecture; use the patch of that build",
        PatchErrorId.PatchFileNotFound or PatchErrorId.PatchFileInvalid => "Check the path, and the file with readelf -a",
        PatchErrorId.CommandInvalid => "Check the commands: Import-PatchCommand, Get-Help about_Pannus",
        PatchErrorId.SymbolNotFound or PatchErrorId.SymbolAmbiguous or PatchErrorId.SymbolSizeMismatch =>
            "Look for the symbol: Resolve-PatchSymbol takes wildcards, -SymbolFile and -MapFile",
        PatchErrorId.FunctionActive or PatchErrorId.StopTimeout or PatchErrorId.TargetBusy =>
            "Try again with a longer -Timeout; Test-PatchSafety shows who is inside",
        PatchErrorId.TargetTraced => "Detach the tracer that the message names",
        PatchErrorId.LivePatchNotFound or PatchErrorId.LivePatchRequired or PatchErrorId.ValueChanged
            or PatchErrorId.JournalDamaged => "See what is applied: Get-LivePatch -Verify",
        PatchErrorId.Interrupted => "Run it again: what was begun is finished or taken back",
        _ => "Test-LivePatch shows the whole plan; Get-Help about_Pannus explains the error ids",
    };

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
            or PatchErrorId.LivePatchRequired or PatchErrorId.ValueChanged or PatchErrorId.NotPatchable
            or PatchErrorId.CoverageIncomplete => ErrorCategory.InvalidOperation,
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
