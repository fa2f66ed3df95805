using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;
using System.Management.Automation.Runspaces;
using Pannus.Console.Host;
using Pannus.LivePatches;

namespace Pannus.Console;

/// <summary>One runspace with the module in it; runs commands and renders what comes out as <c>pwsh</c> does.</summary>
internal sealed class Session : IDisposable
{
    // Keeps the engine from opening its pipe for Enter-PSHostProcess: a kill leaves that as a socket in /tmp, and an error of
    // its thread ends this process, as it is reported to a library that only pwsh has.
    private const string NoDiagnostics = "POWERSHELL_DIAGNOSTICS_OPTOUT";

    private readonly PannusHost host = new();
    private readonly Lock gate = new();
    private Pipeline? running;
    private bool failedByException;

    public Session()
    {
        var callers = Environment.GetEnvironmentVariable(NoDiagnostics);
        Environment.SetEnvironmentVariable(NoDiagnostics, "1");
        var state = InitialSessionState.CreateDefault2();
        state.Commands.Remove("prompt", typeof(SessionStateFunctionEntry));
        state.Commands.Add(new SessionStateFunctionEntry(
            "prompt", "\"pannus $($ExecutionContext.SessionState.Path.CurrentLocation)> \""));
        Runspace = RunspaceFactory.CreateRunspace(host, state);
        Runspace.ThreadOptions = PSThreadOptions.ReuseThread;
        Runspace.Open();
        Environment.SetEnvironmentVariable(NoDiagnostics, callers);
        // Completers and conversions of the module look for the thread's runspace.
        Runspace.DefaultRunspace = Runspace;
        new PannusModule().AttachTo(this);
    }

    public Runspace Runspace { get; }

    /// <summary>What <c>exit N</c> asked for; null until then.</summary>
    public int? ExitCode => host.ExitCode;

    /// <summary>A terminal's session lives on after Ctrl-C.</summary>
    public bool IsInteractive { get; set; }

    /// <summary>Ctrl-C has stopped a pipeline.</summary>
    public bool Interrupted { get; private set; }

    public PannusUserInterface Screen => host.Screen;

    /// <summary>Runs commands in the session's own scope.</summary>
    /// <returns>Whether the last command succeeded (<c>$?</c>).</returns>
    public bool Run(string commands)
    {
        Parser.ParseInput(commands, out _, out var errors);
        return IsValid(errors) && Run(new Command(commands, isScript: true, useLocalScope: false));
    }

    /// <summary>
    /// Runs a script file. <c>exit N</c> in a file ends only the file, and what called it can't tell that from a
    /// native command's N; in a function it ends the session. So the file runs as a function of its name.
    /// </summary>
    /// <returns>As with <c>pwsh -File</c>: false only after a terminating error.</returns>
    public bool Run(CommandLine.Script script)
    {
        var syntax = Parser.ParseFile(script.Path, out _, out var errors);
        if (!IsValid(errors))
            return false;
        var name = Path.GetFileName(script.Path);
        Runspace.SessionStateProxy.InvokeProvider.Item.Set(
            ["function:global:" + name], syntax.GetScriptBlock(), force: true, literalPath: true);
        var command = new Command(name, isScript: false, useLocalScope: false);
        foreach (var argument in script.Arguments)
            command.Parameters.Add(argument);
        Run(command);
        return !failedByException;
    }

    /// <summary>Patches one process. A refusal is an error record, which only a script turns into <c>$?</c>.</summary>
    public bool Run(CommandLine.Patch patch)
    {
        var parameters = new Hashtable
        {
            ["Target"] = patch.Id,
            ["Path"] = patch.PatchFile,
            ["CommandFile"] = patch.CommandFile,
        };
        if (patch.MapFile.Length > 0)
            parameters["MapFile"] = patch.MapFile;
        var script = new Command("param($Patch) Invoke-LivePatch @Patch", isScript: true, useLocalScope: true);
        script.Parameters.Add("Patch", parameters);
        return Run(script);
    }

    /// <summary>Stops what runs now; returns at once.</summary>
    public void Stop()
    {
        Pipeline? pipeline;
        lock (gate)
        {
            Interrupted = true;
            pipeline = running;
        }
        pipeline?.StopAsync();
    }

    public void Dispose()
    {
        Screen.Progress.Clear();
        Runspace.Dispose();
    }

    private bool Run(Command command)
    {
        failedByException = false;
        // The engine sets $? only for a pipeline that goes into the history.
        using var pipeline = Runspace.CreatePipeline(command.CommandText, addToHistory: true);
        pipeline.Commands.Clear();
        // Errors travel with the output, so that both are rendered in the order in which they came.
        command.MergeMyResults(PipelineResultTypes.Error, PipelineResultTypes.Output);
        pipeline.Commands.Add(command);
        pipeline.Commands.Add(new Command("Out-Default", isScript: false, useLocalScope: true)
        {
            MergeUnclaimedPreviousCommandResults = PipelineResultTypes.Error | PipelineResultTypes.Output,
        });
        lock (gate)
        {
            Interrupted = false;
            running = pipeline;
        }
        try
        {
            pipeline.Invoke();
            return LastCommandSucceeded();
        }
        catch (PipelineStoppedException)
        {
            return false;
        }
        catch (RuntimeException error)
        {
            failedByException = true;
            Show(error.ErrorRecord);
            return false;
        }
        finally
        {
            lock (gate)
                running = null;
            Screen.Progress.Clear();
        }
    }

    private bool IsValid(ParseError[] errors)
    {
        if (errors.Length > 0)
            Show(new ParseException(errors).ErrorRecord);
        return errors.Length == 0;
    }

    private bool LastCommandSucceeded()
    {
        using var pipeline = Runspace.CreatePipeline("$?");
        return pipeline.Invoke() is [{ BaseObject: true }];
    }

    /// <summary>Renders the error that ended a pipeline by the engine's own error view.</summary>
    private void Show(ErrorRecord error)
    {
        using var shell = PowerShell.Create(Runspace);
        Screen.WritesToError = true;
        try
        {
            shell.AddCommand("Out-Default").Invoke(new[] { error });
        }
        finally
        {
            Screen.WritesToError = false;
        }
    }
}
