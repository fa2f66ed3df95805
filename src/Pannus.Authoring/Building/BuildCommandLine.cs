namespace Pannus.Authoring.Building;

/// <summary>
/// The command of a build, such as <c>./configure &amp;&amp; make -j2</c>, and what of it is done again when only sources changed.
/// </summary>
internal static class BuildCommandLine
{
    private static readonly HashSet<string> s_configuring = ["configure", "Configure", "config", "autogen.sh", "buildconf.sh", "buildconf",
        "bootstrap", "bootstrap.sh", "autoreconf", "autoconf", "automake", "aclocal", "libtoolize", "mkdir", "meson"];

    /// <summary>The command without its steps that configure: those may make all of it be built again.</summary>
    public static string WithoutConfiguring(string command)
    {
        string[] kept = [.. Steps(command).Where(step => !IsConfiguring(step))];
        return kept.Length == 0 ? command : string.Join(" && ", kept);
    }

    private static bool IsConfiguring(string step)
    {
        string[] words = [.. step.Split((char[])[' ', '\t', '\n'], StringSplitOptions.RemoveEmptyEntries).SkipWhile(IsAssignment)];
        if (words.Length > 1 && words[0] == "env") words = [.. words.Skip(1).SkipWhile(IsAssignment)];
        if (words.Length > 1 && words[0] is "sh" or "bash") words = words[1..];
        if (words.Length == 0) return false;
        string program = words[0][(words[0].LastIndexOf('/') + 1)..];
        return program switch
        {
            "meson" => words.Length > 1 && words[1] is not ("compile" or "install"),
            "cmake" => !words.Contains("--build"),
            _ => s_configuring.Contains(program),
        };
    }

    private static bool IsAssignment(string word) =>
        word.IndexOf('=') is > 0 and var at && word[..at].All(c => char.IsAsciiLetterOrDigit(c) || c == '_');

    // Divides at && that stand in no quotes, parentheses or braces. What has other operators stays as it is.
    private static IEnumerable<string> Steps(string command)
    {
        int depth = 0, start = 0;
        char quote = '\0';
        for (int i = 0; i < command.Length; i++)
        {
            char c = command[i];
            if (c == '\\' && quote != '\'') i++;
            else if (quote != '\0') quote = c == quote ? '\0' : quote;
            else if (c is '"' or '\'' or '`') quote = c;
            else if (c is '(' or '{') depth++;
            else if (c is ')' or '}') depth--;
            else if (depth == 0 && c == '&' && i + 1 < command.Length && command[i + 1] == '&')
            {
                yield return command[start..i].Trim();
                start = ++i + 1;
            }
        }
        yield return command[start..].Trim();
    }
}
