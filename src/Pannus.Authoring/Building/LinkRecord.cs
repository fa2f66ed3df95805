using System.Text;
using System.Text.RegularExpressions;

namespace Pannus.Authoring.Building;

/// <summary>What the linker's stand-in noted of one link: the output and what went into it.</summary>
internal sealed partial record LinkRecord
{
    /// <summary>Where the linker ran.</summary>
    public required string Folder { get; init; }

    /// <summary>Full path of the output, as it was called then.</summary>
    public required string Output { get; init; }

    /// <summary>Path at which the output is kept, even if the build moved or stripped it.</summary>
    public required string Binary { get; init; }

    /// <summary>The inputs in the order of the link.</summary>
    public required IReadOnlyList<LinkInput> Inputs { get; init; }

    /// <summary>All links noted in a folder, the last one of each output, in the order of time.</summary>
    public static IReadOnlyList<LinkRecord> ReadAll(string folder, string temporary)
    {
        if (!Directory.Exists(folder)) return [];
        Dictionary<string, LinkRecord> last = [];
        foreach (string record in Directory.EnumerateDirectories(folder, "done.*").Order(StringComparer.Ordinal))
        {
            string[] names = File.ReadAllText(Path.Combine(record, "output")).Split('\0');
            string output = Path.GetFullPath(names[1], names[0]);
            last.Remove(output);
            last[output] = new LinkRecord
            {
                Folder = names[0], Output = output, Binary = Path.Combine(record, "binary"),
                Inputs = [.. ReadInputs(record, names[0], temporary)],
            };
        }
        return [.. last.Values];
    }

    private static IEnumerable<LinkInput> ReadInputs(string record, string folder, string temporary)
    {
        HashSet<string> seen = [];
        foreach (string line in File.ReadLines(Path.Combine(record, "map"), Encoding.Latin1))
        {
            string name = GnuLine().Match(line) is { Success: true } gnu ? gnu.Groups[1].Value
                : LldLine().Match(line) is { Success: true } lld ? lld.Groups[1].Value : "";
            if (name == "" || !seen.Add(name)) continue;
            string file = name, member = "";
            if (name.EndsWith(')') && name.LastIndexOf('(') is > 0 and var open) (file, member) = (name[..open], name[(open + 1)..^1]);
            string path = Path.GetFullPath(file, folder);
            bool isTemporary = path.StartsWith(temporary + "/", StringComparison.Ordinal);
            if (isTemporary) path = Path.Combine(record, "objects", Path.GetFileName(path));
            if (File.Exists(path)) yield return new LinkInput(path, member, isTemporary);
        }
    }

    // " .text.parse   0x0000000000001139   0x10 src/http.o" and "LOAD src/http.o".
    [GeneratedRegex(@"^(?:\s+\S*\s*0x[0-9a-f]+\s+0x[0-9a-f]+\s|LOAD )(\S.*?(?:\)|\.\w+))\s*$")]
    private static partial Regex GnuLine();

    // "  1139   1139   10   16         src/http.o:(.text.parse)".
    [GeneratedRegex(@"^\s+[0-9a-f]+\s+[0-9a-f]+\s+[0-9a-f]+\s+\d+\s+(\S.*?):\(\S+\)\s*$")]
    private static partial Regex LldLine();
}

/// <summary>An object that was linked.</summary>
/// <param name="Path">The object or archive.</param>
/// <param name="Member">Name in the archive; empty for an object.</param>
/// <param name="IsTemporary">Whether its name means nothing, as it was compiled and linked in one step.</param>
internal sealed record LinkInput(string Path, string Member, bool IsTemporary);
