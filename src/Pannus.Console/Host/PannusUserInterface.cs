using System.Management.Automation;
using System.Management.Automation.Host;
using System.Management.Automation.Internal;
using System.Security;
using Terminal = System.Console;

namespace Pannus.Console.Host;

/// <summary>Output to standard output; errors, warnings, verbose, debug and progress to standard error.</summary>
internal sealed partial class PannusUserInterface : PSHostUserInterface
{
    private static readonly bool ColourIsWanted =
        string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"))
        && Environment.GetEnvironmentVariable("TERM") is not (null or "" or "dumb");

    private readonly bool colourErrors = ColourIsWanted && !Terminal.IsErrorRedirected;

    public PannusUserInterface()
    {
        RawUI = new PannusRawUserInterface(IsOutputTerminal);
        Progress = new ProgressLine(!Terminal.IsErrorRedirected);
    }

    public bool IsOutputTerminal { get; } = !Terminal.IsOutputRedirected;

    public ProgressLine Progress { get; }

    public override PSHostRawUserInterface RawUI { get; }

    public override bool SupportsVirtualTerminal => IsOutputTerminal && ColourIsWanted;

    /// <summary>Set while an error that ended a pipeline is rendered: it comes as an object like others.</summary>
    public bool WritesToError { get; set; }

    public override void Write(string value)
    {
        Progress.Clear();
        var isColourful = WritesToError
            ? colourErrors
            : SupportsVirtualTerminal || Style.OutputRendering == OutputRendering.Ansi;
        (WritesToError ? Terminal.Error : Terminal.Out).Write(isColourful ? value : Plain(value));
    }

    public override void WriteLine(string value) => Write(value + "\n");

    public override void Write(ConsoleColor foregroundColor, ConsoleColor backgroundColor, string value) =>
        Write(SupportsVirtualTerminal
            ? PSStyle.MapForegroundColorToEscapeSequence(foregroundColor) + value + Style.Reset
            : value);

    public override void WriteErrorLine(string value) => WriteToError(value, Style.Formatting.Error);

    public override void WriteWarningLine(string message) =>
        WriteToError("WARNING: " + message, Style.Formatting.Warning);

    public override void WriteVerboseLine(string message) =>
        WriteToError("VERBOSE: " + message, Style.Formatting.Verbose);

    public override void WriteDebugLine(string message) =>
        WriteToError("DEBUG: " + message, Style.Formatting.Debug);

    public override void WriteProgress(long sourceId, ProgressRecord record) => Progress.Show(record);

    public override string ReadLine() => Terminal.In.ReadLine()
        ?? throw new HostException("Standard input has ended; there is nobody to ask.");

    public override SecureString ReadLineAsSecureString()
    {
        var secret = new SecureString();
        for (var key = Terminal.ReadKey(true); key.Key != ConsoleKey.Enter; key = Terminal.ReadKey(true))
        {
            if (key.Key != ConsoleKey.Backspace)
                secret.AppendChar(key.KeyChar);
            else if (secret.Length > 0)
                secret.RemoveAt(secret.Length - 1);
        }
        WriteLine("");
        return secret;
    }

    public override PSCredential PromptForCredential(
        string caption, string message, string userName, string targetName) =>
        PromptForCredential(
            caption, message, userName, targetName, PSCredentialTypes.Default, PSCredentialUIOptions.Default);

    public override PSCredential PromptForCredential(
        string caption, string message, string userName, string targetName,
        PSCredentialTypes allowedCredentialTypes, PSCredentialUIOptions options)
    {
        Ask(caption, message);
        if (string.IsNullOrEmpty(userName))
        {
            Write("User: ");
            userName = ReadLine();
        }
        Write($"Password for user {userName}: ");
        return new PSCredential(userName, ReadLineAsSecureString());
    }

    private static PSStyle Style => PSStyle.Instance;

    /// <summary>The text without the escape sequences that formatting put in.</summary>
    private static string Plain(string text) => new StringDecorated(text).ToString(OutputRendering.PlainText);

    private void WriteToError(string text, string colour)
    {
        Progress.Clear();
        if (!colourErrors)
            text = Plain(text);
        else if (!text.Contains('\e', StringComparison.Ordinal))
            text = colour + text + Style.Reset;
        Terminal.Error.WriteLine(text);
    }
}
