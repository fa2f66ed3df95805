using System.Diagnostics;
using System.Management.Automation;
using Pannus.Core;
using Pannus.Fleet;
using Pannus.Targets;
using Pannus.Symbols;

namespace Pannus.PowerShell;

/// <summary>What all cmdlets share: Ctrl-C, errors, paths, confirmation.</summary>
public abstract class PatchCmdlet : PSCmdlet, IDisposable
{
    /// <summary>Parameter set in which the target is the first argument.</summary>
    protected const string TargetSet = "Target";

    /// <summary>Parameter set in which the target comes through the pipeline, and other arguments move up by one.</summary>
    protected const string PipelineSet = "Pipeline";

    private readonly CancellationTokenSource _stop = new();
    private readonly List<string> _files = [];

    /// <summary>Cancelled by Ctrl-C.</summary>
    protected CancellationToken Cancellation => _stop.Token;

    /// <inheritdoc/>
    protected override void StopProcessing() => _stop.Cancel();

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Closes what the cmdlet has opened. PowerShell calls it however the pipeline ends.</summary>
    protected virtual void Dispose(bool disposing) => _stop.Dispose();

    /// <summary>
    /// Does the work on one target. A refusal is an error of this target only, unless a file that the user gave is at
    /// fault and is the same for all (<paramref name="endsAtBadFile"/>).
    /// </summary>
    protected void ForTarget(PatchTargetReference reference, Action<TargetProcess> work, bool endsAtBadFile = true) =>
        Attempt(reference, () =>
        {
            using TargetProcess target = reference.Open();
            try
            {
                work(target);
            }
            catch (PatchException e) when (target.Explain(e) is var explained && explained != e)
            {
                throw explained;
            }
        }, endsAtBadFile);

    /// <summary>Like <see cref="ForTarget"/> for work that does not need the target opened.</summary>
    protected void Attempt(PatchTargetReference? reference, Action work, bool endsAtBadFile = true)
    {
        try
        {
            work();
        }
        catch (PatchException e)
        {
            ErrorRecord error = PatchErrors.Record(e, PatchErrors.IsBadFile(e.Id) ? FileObject ?? PatchErrors.TargetObject(reference)
                : PatchErrors.TargetObject(reference));
            // A file of the target's own is at fault for this target only.
            bool isUsers = reference is null || _files.Exists(f => e.Message.Contains(f, StringComparison.Ordinal));
            if (endsAtBadFile && isUsers && PatchErrors.IsBadFile(e.Id)) ThrowTerminatingError(error);
            WriteError(error);
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            throw new PipelineStoppedException();
        }
    }

    /// <summary>Does what all targets need once; a refusal ends the pipeline.</summary>
    protected T Once<T>(Func<T> work)
    {
        try
        {
            return work();
        }
        catch (PatchException e)
        {
            ThrowTerminatingError(PatchErrors.Record(e, PatchErrors.IsBadFile(e.Id) ? FileObject : null));
            throw;
        }
    }

    /// <summary>
    /// Refuses the path of a process's own program, which comes with a process through the pipeline where no patch file was
    /// given.
    /// </summary>
    protected static void CheckIsPatch(string path, PatchTargetReference target)
    {
        if (target.Source is not (PatchTarget or Process)) return;
        throw new PatchException(PatchErrorId.PatchFileNotFound,
            $"No patch file was given, and {path} is the program of process {target.Id}. Name the patch file with -Path.");
    }

    /// <summary>
    /// Refuses what was bound to a parameter that is there for completion only: until a command is run, PowerShell takes the
    /// first argument for that of the pipeline's set, and asks for no completion of a second that the set has not.
    /// </summary>
    protected void CheckNone(string? rest)
    {
        if (rest is null) return;
        var error = new PatchException(PatchErrorId.CommandInvalid, $"'{rest}' is one argument too many: the target comes through the "
            + "pipeline. Give several names with commas between them.");
        ThrowTerminatingError(PatchErrors.Record(error, target: rest));
    }

    /// <summary>What an error about a file is about.</summary>
    protected virtual object? FileObject => null;

    /// <summary>
    /// The full path of a file, relative to PowerShell's location; wildcards are not expanded. Errors:
    /// <see cref="PatchErrorId.PatchFileNotFound"/>.
    /// </summary>
    protected string FullPath(string path)
    {
        try
        {
            string full = SessionState.Path.GetUnresolvedProviderPathFromPSPath(path, out ProviderInfo provider, out _);
            if (provider.Name == "FileSystem")
            {
                _files.Add(full);
                return full;
            }
        }
        catch (Exception e) when (e is SessionStateException or PSNotSupportedException or PSArgumentException)
        {
            throw new PatchException(PatchErrorId.PatchFileNotFound, $"'{path}' is no path of a file: {e.Message}", e);
        }
        throw new PatchException(PatchErrorId.PatchFileNotFound, $"'{path}' is not in the file system.");
    }

    /// <summary>Like <see cref="FullPath"/> for a file that need not be given: '' and '-' mean none, as in 2004.</summary>
    protected string? OptionalPath(string? path)
    {
        if (path is null or "" or "-") return null;
        string full = FullPath(path);
        return File.Exists(full) ? full
            : throw new PatchException(PatchErrorId.PatchFileNotFound, $"There is no file {full}.");
    }

    /// <summary>
    /// Where to look for symbols: <c>PATH</c> of the program's, <c>MODULE=PATH</c> of another module's. Errors:
    /// <see cref="PatchErrorId.PatchFileNotFound"/>, <see cref="PatchErrorId.CommandInvalid"/> for two files of one module.
    /// </summary>
    protected ResolverOptions SymbolOptions(string[]? mapFiles, string[]? symbolFiles)
    {
        (string? map, ModuleFile[] maps) = Split(mapFiles);
        (string? symbols, ModuleFile[] others) = Split(symbolFiles);
        return new ResolverOptions { MapFile = map, MapFiles = maps, SymbolFile = symbols, SymbolFiles = others };

        (string?, ModuleFile[]) Split(string[]? texts)
        {
            string? program = null;
            List<ModuleFile> modules = [];
            foreach (string text in texts ?? [])
            {
                int at = text.IndexOf('=');
                bool isOfModule = at > 0 && !File.Exists(FullPath(text));
                if ((isOfModule ? OptionalPath(text[(at + 1)..]) : OptionalPath(text)) is not { } path) continue;
                if (isOfModule ? modules.Exists(m => m.Module == text[..at]) : program is not null)
                    throw new PatchException(PatchErrorId.CommandInvalid, $"There are two files for {(isOfModule ? text[..at] : "the program")}. Leave one.");
                if (isOfModule) modules.Add(new ModuleFile(text[..at], path));
                else program = path;
            }
            return (program, [.. modules]);
        }
    }

    /// <summary>ShouldProcess that also tells whether it said no because of -WhatIf.</summary>
    protected bool ShouldProcess(string target, string action, out bool isWhatIf)
    {
        string description = $"Performing the operation \"{action}\" on target \"{target}\".";
        bool answer = ShouldProcess(description, $"{description} Continue?", "Confirm", out ShouldProcessReason reason);
        isWhatIf = reason == ShouldProcessReason.WhatIf;
        return answer;
    }
}
