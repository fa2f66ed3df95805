using Pannus.Applying;
using Pannus.Core;
using Pannus.Images;
using Pannus.LivePatches;
using Pannus.Symbols;
using Pannus.Targets;

namespace Pannus.Tests.Support;

/// <summary>Applies patches as the cmdlets do, in one line.</summary>
internal static class Patching
{
    public static LivePatchResult Apply(TargetProgram program, string patch, string commands, string? mapFile = null,
        WriteOptions? options = null, CancellationToken cancellation = default) =>
        Apply(program.Id, patch, commands, mapFile, options, cancellation);

    public static LivePatchResult Apply(int id, string patch, string commands, string? mapFile = null,
        WriteOptions? options = null, CancellationToken cancellation = default)
    {
        using TargetProcess target = TargetProcess.Open(id);
        using PatchFile file = PatchFile.Open(patch);
        return LivePatch.Apply(target, Request(file, commands, mapFile, options), null, cancellation);
    }

    /// <summary>The patches that are in a process, in the order of stacking.</summary>
    public static IReadOnlyList<LivePatchInfo> Get(TargetProgram program)
    {
        using TargetProcess target = TargetProcess.Open(program.Id);
        return LivePatchCatalog.Get(target);
    }

    /// <summary>Takes back the patch of this id or name.</summary>
    public static UndoResult Undo(TargetProgram program, string idOrName, bool force = false, WriteOptions? options = null) =>
        Undo(program, Get(program).Single(p => p.LivePatchId == idOrName || p.Patch == idOrName).Address, options, force);

    /// <summary>Takes back the patch at an address.</summary>
    public static UndoResult Undo(TargetProgram program, ulong address, WriteOptions? options = null, bool force = false)
    {
        using TargetProcess target = TargetProcess.Open(program.Id);
        return LivePatchUndo.Undo(target, address, new UndoOptions { Write = options ?? new WriteOptions(), Force = force });
    }

    /// <summary>Takes back the newest patch that is applied.</summary>
    public static UndoResult UndoNewest(int id)
    {
        using TargetProcess target = TargetProcess.Open(id);
        return LivePatchUndo.Undo(target, LivePatchCatalog.Get(target).Last(p => p.State == LivePatchState.Applied).Address, new UndoOptions());
    }

    /// <summary>Refuses, and leaves the target as it was; gives the error.</summary>
    public static PatchException Refused(TargetProgram program, Action work)
    {
        string before = program.SettledFingerprint();
        PatchException error = Assert.Throws<PatchException>(work);
        Assert.Equal(before, program.Fingerprint());
        Assert.False(program.HasExited);
        return error;
    }

    public static LivePatchRequest Request(PatchFile file, string commands, string? mapFile = null, WriteOptions? options = null) => new()
    {
        Patch = file,
        Commands = CommandFile.Parse(commands, "test.cmd"),
        Symbols = new ResolverOptions { MapFile = mapFile },
        Options = options ?? new WriteOptions(),
    };
}
