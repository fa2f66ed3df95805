namespace Pannus.Core;

/// <summary>Why Pannus refused or failed. The name is the error id that scripts match on; it never changes.</summary>
public enum PatchErrorId
{
    /// <summary>No process of this id, or it is gone.</summary>
    TargetNotFound,
    /// <summary>The id now belongs to another process than the one that was looked up.</summary>
    TargetReplaced,
    /// <summary>The kernel does not let this user touch the target.</summary>
    AccessDenied,
    /// <summary>The target is not of the build that the patch was made for.</summary>
    BuildIdMismatch,
    /// <summary>Patch and target are not of one architecture, or it is one that Pannus cannot patch.</summary>
    ArchitectureMismatch,
    /// <summary>A patch, map, command or symbol file is not there or cannot be read.</summary>
    PatchFileNotFound,
    /// <summary>A patch, map or symbol file is not what it should be, or is cut short.</summary>
    PatchFileInvalid,
    /// <summary>A line of a command file is wrong.</summary>
    CommandInvalid,
    /// <summary>No symbol of that name.</summary>
    SymbolNotFound,
    /// <summary>More than one symbol of that name; the message lists them.</summary>
    SymbolAmbiguous,
    /// <summary>The data does not fit the variable.</summary>
    SymbolSizeMismatch,
    /// <summary>The patch needs a relocation that Pannus cannot do.</summary>
    RelocationUnsupported,
    /// <summary>The function has no room for a jump.</summary>
    FunctionTooShort,
    /// <summary>The function branches back into the bytes that the jump would overwrite.</summary>
    EntryIsBranchTarget,
    /// <summary>The code at the function's entry is neither that of its file nor a jump.</summary>
    CodeChanged,
    /// <summary>Some code of a function would stay old, or other functions change with it, and the user wants none of that.</summary>
    CoverageIncomplete,
    /// <summary>A thread is executing what would be overwritten.</summary>
    FunctionActive,
    /// <summary>No free address range within reach of the code to be patched.</summary>
    NoAddressSpace,
    /// <summary>The target's seccomp policy does not allow what loading needs.</summary>
    SeccompBlocked,
    /// <summary>Another process traces the target; the message names it.</summary>
    TargetTraced,
    /// <summary>Another patcher works on the target; the message names it.</summary>
    TargetBusy,
    /// <summary>The patch has constructors, which Pannus does not run.</summary>
    ConstructorUnsupported,
    /// <summary>The work was cancelled; the target is as it was.</summary>
    Interrupted,
    /// <summary>The target's threads did not all stop, or the time given ran out.</summary>
    StopTimeout,
    /// <summary>No patch of that id or name is applied to the target.</summary>
    LivePatchNotFound,
    /// <summary>A patch that another one requires is not applied, or is to be taken back.</summary>
    LivePatchRequired,
    /// <summary>What a patch overwrote no longer holds what it wrote; the message shows both.</summary>
    ValueChanged,
    /// <summary>A patch's record in the target's memory is damaged, and nothing in it is trusted.</summary>
    JournalDamaged,
    /// <summary>The target's memory could not be read or written there.</summary>
    MemoryInaccessible,
    /// <summary>No patch can be made of a change; the findings say why.</summary>
    NotPatchable,
}
