using System.Text.RegularExpressions;

namespace Pannus.Authoring.Comparing;

/// <summary>
/// Names that compilers make up from those of the source. Their numbers count what the compiler came by, so that one
/// more thing in a file renumbers others.
/// </summary>
internal static partial class CompilerName
{
    /// <summary>
    /// Without numbers: <c>count.1</c> is <c>count</c>, <c>work.constprop.0.cold</c> is <c>work.constprop.cold</c>.
    /// </summary>
    public static string WithoutNumbers(string name) => name.Contains('.') ? Numbers().Replace(name, "") : name;

    /// <summary>Whether it has a number that another build may change.</summary>
    public static bool IsNumbered(string name) => name.Contains('.') && Numbers().IsMatch(name);

    /// <summary>The function of the source that a clone or a part was made from.</summary>
    public static string Source(string name)
    {
        int at = name.IndexOf('.', 1);
        return at > 0 ? name[..at] : name;
    }

    /// <summary>Whether this is what a compiler put out of the way of a function, and where only that goes.</summary>
    public static bool IsColdPart(string name) => Cold().IsMatch(name);

    /// <summary>The function that a cold part is of.</summary>
    public static string OfColdPart(string name) => Cold().Replace(name, "");

    /// <summary>
    /// Whether a constant of this name is known by what it holds: its name means nothing in the source.
    /// </summary>
    public static bool IsMadeUp(string name) => name.Length == 0 || MadeUp().IsMatch(name);

    [GeneratedRegex(@"\.\d+(?=\.|$)")]
    private static partial Regex Numbers();

    [GeneratedRegex(@"\.cold(\.\d+)?$")]
    private static partial Regex Cold();

    // gcc: CSWTCH, C.0.1; clang: switch.table, str.N of private strings. The names of functions are the compilers',
    // too.
    [GeneratedRegex(@"^(CSWTCH|C|\.?L?str|\.?L?switch\.table.*|__func__|__FUNCTION__|__PRETTY_FUNCTION__"
        + @"|__compound_literal|\.L.*)(\.\d+)*$")]
    private static partial Regex MadeUp();
}
