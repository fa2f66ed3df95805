using System.Management.Automation;
using System.Management.Automation.Language;
using Terminal = System.Console;

namespace Pannus.Console.Prompt;

/// <summary>Reads commands from standard input and runs each as soon as it is complete.</summary>
internal sealed class CommandLoop(Session session)
{
    private readonly LineEditor? editor =
        Terminal.IsInputRedirected || Terminal.IsOutputRedirected ? null : new LineEditor(session);

    /// <summary>Runs until the input ends or a command says <c>exit</c>.</summary>
    /// <returns>Whether the last command succeeded; a prompt always does.</returns>
    public bool Run()
    {
        session.IsInteractive = editor is not null;
        var succeeded = true;
        while (session.ExitCode is null && ReadCommand() is { } command)
        {
            if (string.IsNullOrWhiteSpace(command))
                continue;
            succeeded = session.Run(command);
            if (session.Interrupted && editor is null)
                break;
        }
        return editor is not null || succeeded;
    }

    /// <summary>Takes lines until they parse, or can't be made to parse by more lines.</summary>
    private string? ReadCommand()
    {
        var command = ReadLine(editor is null ? "" : PromptText());
        while (command is not null && IsIncomplete(command))
        {
            var more = ReadLine(editor is null ? "" : ">> ");
            // At a terminal an empty line is the way out; the parser then says what is missing.
            if (more is null || (more.Length == 0 && editor is not null))
                break;
            command += "\n" + more;
        }
        return command;
    }

    private string? ReadLine(string prompt) => editor is null ? Terminal.In.ReadLine() : editor.ReadLine(prompt);

    private static bool IsIncomplete(string text)
    {
        Parser.ParseInput(text, out _, out var errors);
        return errors.Any(error => error.IncompleteInput);
    }

    private string PromptText()
    {
        using var shell = PowerShell.Create(session.Runspace);
        return shell.AddCommand("prompt").Invoke<string>() is [{ Length: > 0 } text, ..] ? text : "pannus> ";
    }
}
