using System.Management.Automation;

namespace Pannus.Console.Prompt;

/// <summary>The engine's completions of a line, one after the other as Tab is pressed again.</summary>
internal sealed class Completer(Session session)
{
    private CommandCompletion? found;
    private string original = "";

    /// <summary>The next Tab starts from the line as it is then.</summary>
    public void Forget() => found = null;

    /// <returns>The line with the next (or previous) completion in it, and the cursor behind that.</returns>
    public (string Text, int Cursor) Next(string text, int cursor, bool backwards)
    {
        if (found is null)
        {
            using var shell = PowerShell.Create(session.Runspace);
            found = CommandCompletion.CompleteInput(text, cursor, null, shell);
            original = text;
        }
        if (found.GetNextResult(!backwards) is not { } result)
            return (text, cursor);
        var (start, length) = (found.ReplacementIndex, found.ReplacementLength);
        return (original.Remove(start, length).Insert(start, result.CompletionText),
            start + result.CompletionText.Length);
    }
}
