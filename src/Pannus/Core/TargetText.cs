using System.Globalization;
using System.Text;

namespace Pannus.Core;

/// <summary>
/// The one gate for text that comes from a target, its files or its memory: names of processes, files, modules, symbols and
/// patches. It is shown in terminals and logs, where control characters give orders, and bidirectional and invisible ones show
/// something else than what is there.
/// </summary>
internal static class TargetText
{
    private const char Substitute = '?';

    /// <summary>The text that some bytes stand for.</summary>
    public static string From(ReadOnlySpan<byte> utf8) => Clean(Encoding.UTF8.GetString(utf8));

    /// <summary>The text with a question mark for all that is not visible, and for what is no character.</summary>
    public static string Clean(string text) => IsClean(text, mayHaveLines: false) ? text : Replace(text, mayHaveLines: false);

    /// <summary>As <see cref="Clean"/>, of a message, which may have lines.</summary>
    public static string CleanLines(string text) => IsClean(text, mayHaveLines: true) ? text : Replace(text, mayHaveLines: true);

    private static bool IsClean(string text, bool mayHaveLines)
    {
        foreach (char c in text)
            if (c is < ' ' or > '~' && !(mayHaveLines && c == '\n')) return IsCleanSlowly(text, mayHaveLines);
        return true;
    }

    private static bool IsCleanSlowly(string text, bool mayHaveLines)
    {
        foreach (Rune rune in text.EnumerateRunes())
            if (!IsVisible(rune) && !(mayHaveLines && rune.Value == '\n')) return false;
        return true;
    }

    private static string Replace(string text, bool mayHaveLines)
    {
        var clean = new StringBuilder(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (IsVisible(rune) || (mayHaveLines && rune.Value == '\n')) _ = clean.Append(rune.ToString());
            else _ = clean.Append(Substitute);
        }
        return clean.ToString();
    }

    // Bytes that are no UTF-8, and half a surrogate pair, come as U+FFFD.
    private static bool IsVisible(Rune rune) => rune != Rune.ReplacementChar && Rune.GetUnicodeCategory(rune) is not
        (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse
        or UnicodeCategory.OtherNotAssigned or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);
}
