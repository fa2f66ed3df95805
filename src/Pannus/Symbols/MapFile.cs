using System.Globalization;
using Pannus.Core;
using Pannus.Linux;

namespace Pannus.Symbols;

/// <summary>
/// A map file of GNU ld or gold (<c>-Map=FILE</c>): names and link-time addresses, also of functions that the program itself
/// no longer names because it was stripped. It knows no sizes and no kinds.
/// </summary>
internal sealed class MapFile
{
    private const long LargestFile = 1L << 30;
    private readonly Dictionary<string, ulong> _addresses = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (ulong Address, ulong Size)> _sections = new(StringComparer.Ordinal);
    private string _section = "";

    private MapFile(string path) => Path = path;

    /// <summary>Path, for messages.</summary>
    public string Path { get; }

    /// <summary>All names.</summary>
    public IEnumerable<string> Names => _addresses.Keys;

    /// <summary>The sections that the linker has made, as far as they lie in memory.</summary>
    public IEnumerable<(string Name, ulong Address, ulong Size)> Sections =>
        _sections.Where(s => s.Value.Address != 0).Select(s => (s.Key, s.Value.Address, s.Value.Size));

    /// <summary>Reads a file. Errors: <see cref="PatchErrorId.PatchFileNotFound"/>, <see cref="PatchErrorId.PatchFileInvalid"/>.</summary>
    public static MapFile Read(string path)
    {
        try
        {
            using var reader = new StreamReader(RegularFile.Open(path, path, LargestFile));
            return Read(reader, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new PatchException(PatchErrorId.PatchFileNotFound, $"{path}: {e.Message}", e);
        }
    }

    internal static MapFile Read(TextReader reader, string path)
    {
        var map = new MapFile(path);
        bool isMap = false;
        while (reader.ReadLine() is { } line)
        {
            // What stands before was thrown away, and has addresses of 0.
            if (line.StartsWith("Linker script and memory map", StringComparison.Ordinal) || line.StartsWith("Memory map", StringComparison.Ordinal))
                isMap = true;
            else if (isMap) map.ReadLine(line);
        }
        if (isMap && map._addresses.Count > 0) return map;
        throw new PatchException(PatchErrorId.PatchFileInvalid,
            $"{path}: not a map file of GNU ld: it has {(isMap ? "no symbols" : "no line 'Linker script and memory map'")}. Link the target with -Wl,-Map=FILE.");
    }

    /// <summary>The link-time address of a name; null when the file has none.</summary>
    public ulong? Find(string name) => _addresses.TryGetValue(name, out ulong address) ? address : null;

    // "                0x0000000000001189                func_J"; with an assignment or a size behind it, it is no symbol.
    private void ReadLine(string line)
    {
        ReadSection(line);
        ReadOnlySpan<char> rest = line.AsSpan().Trim();
        if (!rest.StartsWith("0x")) return;
        int space = rest.IndexOfAny(' ', '\t');
        if (space < 0 || !ulong.TryParse(rest[2..space], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong address)) return;
        ReadOnlySpan<char> name = rest[space..].TrimStart();
        if (name.IsEmpty || name.ContainsAny(" \t=()") || char.IsAsciiDigit(name[0]) || name[0] is '/' or '.') return;
        // A damaged file may have white space of other kinds.
        foreach (char c in name)
            if (char.IsWhiteSpace(c)) return;
        _addresses.TryAdd(name.ToString(), address);
    }

    // ".text           0x0000000000001060      0x1f5", at the beginning of the line; a long name stands alone before the numbers.
    private void ReadSection(ReadOnlySpan<char> line)
    {
        string name = _section;
        _section = "";
        if (line.Length > 0 && line[0] == '.')
        {
            int space = line.IndexOfAny(' ', '\t');
            name = (space < 0 ? line : line[..space]).ToString();
            if (space < 0) _section = name;
            line = space < 0 ? default : line[space..];
        }
        line = line.Trim();
        int gap = line.IndexOf(' ');
        if (name.Length == 0 || gap < 0) return;
        ReadOnlySpan<char> rest = line[gap..].TrimStart();
        int end = rest.IndexOf(' ');
        if (TryHex(line[..gap], out ulong address) && TryHex(end < 0 ? rest : rest[..end], out ulong size)) _sections.TryAdd(name, (address, size));
    }

    private static bool TryHex(ReadOnlySpan<char> text, out ulong value)
    {
        value = 0;
        return text.StartsWith("0x") && ulong.TryParse(text[2..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
    }
}
