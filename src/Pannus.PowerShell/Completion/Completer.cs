using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;
using Pannus.Core;

namespace Pannus.PowerShell;

/// <summary>A tab completer. It never fails: what can't be found out is not offered.</summary>
public abstract class Completer : IArgumentCompleter
{
    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
    {
        try
        {
            var word = wordToComplete.Trim('\'', '"');
            return [.. Complete(word, TypedLine.Read(commandAst, parameterName, wordToComplete, fakeBoundParameters["Target"]))];
        }
        catch (Exception e) when (e is PatchException or IOException or UnauthorizedAccessException or RuntimeException)
        {
            return [];
        }
    }

    /// <summary>What to offer for a word that was begun.</summary>
    private protected abstract IEnumerable<CompletionResult> Complete(string word, TypedLine line);

    /// <summary>Something to offer, in quotes where PowerShell needs them.</summary>
    protected static CompletionResult Offer(string text, string label, string tip)
    {
        bool isPlain = text.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.' or '/' or '!' or ':' or '+');
        string quoted = isPlain ? text : $"'{text.Replace("'", "''")}'";
        return new CompletionResult(quoted, label, CompletionResultType.ParameterValue, tip);
    }
}
