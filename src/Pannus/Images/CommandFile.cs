using System.Text;
using Pannus.Core;
using Pannus.Elf;
using Pannus.Symbols;

namespace Pannus.Images;

/// <summary>
/// Reads command files: one command or directive a line, <c>#</c> begins a comment.
/// <code>
/// J  target_symbol  patch_symbol
/// V  target_symbol  hexdata
/// P  target_symbol  patch_symbol
/// name TEXT | build-id HEX | alias NAME TARGET_SYMBOL | requires ID | replaces ID
/// </code>
/// </summary>
public static class CommandFile
{
    /// <summary>Section of a patch file that holds its commands.</summary>
    public const string SectionName = ".pannus";

    private const int LargestFile = 1 << 20;

    /// <summary>Reads a file. Errors: <see cref="PatchErrorId.PatchFileNotFound"/>, <see cref="PatchErrorId.CommandInvalid"/>.</summary>
    public static PatchCommandSet Read(string path)
    {
        try
        {
            // It may be a pipe, which has no length beforehand. By pieces: large arrays bring a collection of everything.
            using var reader = new StreamReader(path, Encoding.UTF8);
            var text = new StringBuilder();
            char[] piece = new char[4096];
            for (int length; (length = reader.ReadBlock(piece)) > 0;)
            {
                if (text.Append(piece, 0, length).Length > LargestFile)
                    throw new PatchException(PatchErrorId.CommandInvalid, $"{path}: larger than {LargestFile >> 20} MiB; is it a command file?");
            }
            return Parse(text.ToString(), path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new PatchException(PatchErrorId.PatchFileNotFound, $"{path}: {e.Message}", e);
        }
    }

    /// <summary>Reads the commands inside a patch file; null when it has none. Error: <see cref="PatchErrorId.CommandInvalid"/>.</summary>
    public static PatchCommandSet? ReadEmbedded(PatchFile patch) => ReadEmbedded(patch.Image);

    /// <summary>As the other, of the ELF image.</summary>
    internal static PatchCommandSet? ReadEmbedded(ElfImage patch)
    {
        if (patch.FindSection(SectionName) is not { } section) return null;
        // Each object that was linked in may have padded its part with NULs.
        string text = Encoding.UTF8.GetString(patch.SectionData(section)).Replace('\0', '\n');
        return Parse(text, $"{patch.DisplayName}({SectionName})");
    }

    /// <summary>Reads text. Error: <see cref="PatchErrorId.CommandInvalid"/>, which names file and line.</summary>
    public static PatchCommandSet Parse(string text, string displayName)
    {
        if (text.Contains('\0')) throw new PatchException(PatchErrorId.CommandInvalid, $"{displayName}: a binary file, not a command file.");
        var parser = new Parser(displayName);
        foreach (string line in text.Split('\n')) parser.Add(line);
        return parser.Finish();
    }

    private sealed class Parser(string file)
    {
        private readonly List<PatchCommand> _commands = [];
        private readonly Dictionary<string, int> _targets = new(StringComparer.Ordinal);
        private readonly Dictionary<string, string> _aliases = new(StringComparer.Ordinal);
        private readonly List<string> _requires = [], _replaces = [];
        private string _name = "", _buildId = "";
        private int _line;

        public void Add(string line)
        {
            _line++;
            int comment = line.IndexOf('#');
            string content = (comment < 0 ? line : line[..comment]).Trim();
            if (content.Length == 0) return;
            string[] words = content.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            switch (words[0])
            {
                case "J" or "j":
                    AddCommand(PatchCommandKind.Jump, Operands(words, 2, "J TARGET_FUNCTION PATCH_FUNCTION"));
                    break;
                case "V" or "v":
                    AddCommand(PatchCommandKind.Variable, Operands(words, 2, "V TARGET_VARIABLE HEXDATA"));
                    break;
                case "P" or "p":
                    AddCommand(PatchCommandKind.Pointer, Operands(words, 2, "P TARGET_POINTER PATCH_SYMBOL"));
                    break;
                case "name":
                    if (_name.Length > 0) throw Invalid("a second 'name'. Leave one");
                    _name = content["name".Length..].Trim();
                    if (_name.Length == 0) throw Invalid("'name' without a name. Write: name TEXT");
                    break;
                case "build-id":
                    if (_buildId.Length > 0) throw Invalid("a second 'build-id'. Leave one");
                    _buildId = Convert.ToHexString(Hex(Operands(words, 1, "build-id HEX")[0])).ToLowerInvariant();
                    break;
                case "alias":
                    string[] alias = Operands(words, 2, "alias NAME TARGET_SYMBOL");
                    CheckName(alias[1]);
                    if (!_aliases.TryAdd(alias[0], alias[1])) throw Invalid($"a second alias for {alias[0]}. Leave one");
                    break;
                case "requires":
                    _requires.Add(Rest(content, words[0]));
                    break;
                case "replaces":
                    _replaces.Add(Rest(content, words[0]));
                    break;
                default:
                    throw Invalid($"'{Shorten(words[0])}' is no command. There are J, V, P, name, build-id, alias, requires and replaces");
            }
        }

        public PatchCommandSet Finish() => _commands.Count == 0
            ? throw new PatchException(PatchErrorId.CommandInvalid, $"{file}: no command (J, V or P) in it.")
            : new PatchCommandSet
            {
                Name = _name, BuildId = _buildId, Aliases = _aliases, Requires = _requires, Replaces = _replaces, Commands = _commands,
            };

        private void AddCommand(PatchCommandKind kind, string[] operands)
        {
            CheckName(operands[0]);
            if (!_targets.TryAdd(operands[0], _line))
                throw Invalid($"{operands[0]} is overwritten already in line {_targets[operands[0]]}. Leave one of the two");
            _commands.Add(kind == PatchCommandKind.Variable
                ? new PatchCommand(kind, operands[0], "", Hex(operands[1]), file, _line)
                : new PatchCommand(kind, operands[0], operands[1], [], file, _line));
        }

        // A patch's name may have blanks.
        private string Rest(string content, string directive) => content[directive.Length..].Trim() is { Length: > 0 } rest
            ? rest : throw Invalid($"'{directive}' without a patch. Write: {directive} ID");

        // Found here it has a line number.
        private void CheckName(string target)
        {
            try
            {
                _ = SymbolName.Parse(target);
            }
            catch (PatchException e)
            {
                throw new PatchException(e.Id, $"{file}:{_line}: {e.Message}", e);
            }
        }

        private string[] Operands(string[] words, int count, string usage) => words.Length == count + 1
            ? words[1..]
            : throw Invalid($"{words.Length - 1} operands instead of {count}. Write: {usage}");

        private byte[] Hex(string text)
        {
            string digits = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase) ? text[2..] : text;
            if (digits.Length == 0) throw Invalid("no hex digits");
            if (digits.FirstOrDefault(c => !char.IsAsciiHexDigit(c)) is not '\0' and var wrong)
                throw Invalid($"'{wrong}' in '{Shorten(text)}' is no hex digit");
            if (digits.Length % 2 != 0) throw Invalid($"'{Shorten(text)}' has an odd number of hex digits. Write two for each byte");
            return Convert.FromHexString(digits);
        }

        private PatchException Invalid(string what) => new(PatchErrorId.CommandInvalid, $"{file}:{_line}: {what}.");

        private static string Shorten(string text)
        {
            string printable = TargetText.Clean(text);
            return printable.Length > 40 ? printable[..40] + "..." : printable;
        }
    }
}
