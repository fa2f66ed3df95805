using System.Collections.ObjectModel;
using System.Globalization;
using System.Management.Automation.Runspaces;
using Pannus.Images;
using Pannus.Symbols;

namespace Pannus.Console;

/// <summary>What the arguments of <c>pannus</c> ask for.</summary>
internal abstract record CommandLine
{
    public const string Usage = """
        usage: pannus PID PATCH MAPFILE CMDFILE   patch a process; MAPFILE may be - for none
               pannus FILE.ps1 [ARGUMENTS]        run a script
               pannus -Command COMMANDS           run commands; - reads them from standard input
               pannus                             prompt for commands
               pannus --help | --version
        exit code: 0 done, 1 refused or failed, 2 wrong arguments, 130 interrupted; `exit N` gives N
        """;

    /// <summary>The form of 2004: one patch for one process.</summary>
    internal sealed record Patch(int Id, string PatchFile, string MapFile, string CommandFile) : CommandLine;

    /// <summary>A script file with its arguments.</summary>
    internal sealed record Script(string Path, Collection<CommandParameter> Arguments) : CommandLine;

    /// <summary>Commands given as text.</summary>
    internal sealed record Text(string Commands) : CommandLine;

    /// <summary>Commands from standard input: a terminal or not.</summary>
    internal sealed record Input : CommandLine;

    internal sealed record Help : CommandLine;

    internal sealed record Version : CommandLine;

    /// <summary>Arguments that mean nothing, and why.</summary>
    internal sealed record Wrong(string Reason) : CommandLine;

    public static CommandLine Parse(string[] arguments) => arguments switch
    {
        [] => new Input(),
        ["--help" or "-h" or "-?"] => new Help(),
        ["--version"] => new Version(),
        [var option] when IsCommandOption(option) => new Wrong($"{option} needs commands"),
        [var option, "-"] when IsCommandOption(option) => new Input(),
        [var option, .. var commands] when IsCommandOption(option) => new Text(string.Join(' ', commands)),
        [var file, .. var rest] when file.EndsWith(".ps1", StringComparison.OrdinalIgnoreCase)
            => ParseScript(file, rest),
        [var id, var patch, var map, var commands] => ParsePatch(id, patch, map, commands),
        [var first, ..] when first.StartsWith('-') => new Wrong($"{first}: unknown option"),
        _ => new Wrong($"{arguments.Length} argument(s) where PID PATCH MAPFILE CMDFILE was expected"),
    };

    private static bool IsCommandOption(string option) =>
        option.Equals("-Command", StringComparison.OrdinalIgnoreCase) || option is "-c" or "--command";

    private static CommandLine ParseScript(string file, string[] words) => File.Exists(file)
        ? new Script(Path.GetFullPath(file), Parameters(words))
        : new Wrong($"{file}: no such file");

    private static CommandLine ParsePatch(string id, string patch, string map, string commands) =>
        int.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0
            ? new Patch(number, patch, map is "-" ? "" : map, commands)
            : new Wrong($"{id}: not a process id");

    /// <summary>The rules of <c>pwsh -File</c>: a word that begins with a dash names a parameter.</summary>
    private static Collection<CommandParameter> Parameters(string[] words)
    {
        var parameters = new Collection<CommandParameter>();
        foreach (var word in words)
        {
            var colon = word.IndexOf(':', StringComparison.Ordinal);
            if (word.Length < 2 || word[0] != '-' || char.IsAsciiDigit(word[1]))
                parameters.Add(new CommandParameter(null, word));
            else if (colon < 0)
                parameters.Add(new CommandParameter(word));
            else
                parameters.Add(new CommandParameter(word[..colon], Value(word[(colon + 1)..])));
        }
        return parameters;
    }

    private static object Value(string text) => text.ToUpperInvariant() switch
    {
        "$TRUE" => true,
        "$FALSE" => false,
        _ => text,
    };
}
