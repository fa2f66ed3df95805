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

    private MapFile(string path) => Path = path;

    /// <summary>Path, for messages.</summary>
    public string Path { get; }

    /// <summary>All names.</summary>
    public IEnumerable<string> Names => _addresses.Keys;

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
}
