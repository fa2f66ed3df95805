using Pannus.Core;
using System.Security.Cryptography;
using System.Text;

namespace Pannus.Authoring.Building;

/// <summary>A diff of a source tree: which files it touches, and how it is applied.</summary>
internal sealed class SourceDiff
{
    private const int MostStripped = 3;
    private static readonly string[] s_configuring = ["configure.ac", "configure.in", "configure", "Makefile.am", "Makefile.in",
        "CMakeLists.txt", "meson.build", "meson_options.txt", "meson.options", "aclocal.m4", "acinclude.m4"];
    private static readonly string[] s_configuringExtensions = [".cmake", ".m4", ".in"];

    private readonly byte[] _content;

    private SourceDiff(string path, byte[] content)
    {
        (Path, _content) = (path, content);
        Hash = Convert.ToHexString(SHA256.HashData(content)).ToLowerInvariant();
        Files = [.. FilesOf(Encoding.Latin1.GetString(content)).Distinct()];
    }

    public string Path { get; }

    /// <summary>SHA-256 of the diff.</summary>
    public string Hash { get; }

    /// <summary>The files as the diff calls them.</summary>
    public IReadOnlyList<string> Files { get; }

    /// <summary>Reads a diff. Errors: <see cref="PatchErrorId.PatchFileNotFound"/>, <see cref="PatchErrorId.PatchFileInvalid"/>.</summary>
    public static SourceDiff Read(string path)
    {
        if (!File.Exists(path)) throw new PatchException(PatchErrorId.PatchFileNotFound, $"There is no file {path}.");
        var diff = new SourceDiff(path, File.ReadAllBytes(path));
        return diff.Files.Count > 0 ? diff
            : throw new PatchException(PatchErrorId.PatchFileInvalid, $"{path} is no unified diff: it has no lines '--- a/file' and '+++ b/file'.");
    }

    /// <summary>Whether a build must be configured again after it.</summary>
    public bool Configures => Files.Any(f => s_configuring.Contains(System.IO.Path.GetFileName(f))
        || s_configuringExtensions.Contains(System.IO.Path.GetExtension(f)) || f.Split('/').Contains("auto"));

    /// <summary>
    /// Applies it to a tree and gives the files of C and C++ that it changed, each with what it held before. Error:
    /// <see cref="PatchErrorId.NotPatchable"/> when it doesn't apply; the tree is as it was then.
    /// </summary>
    public IReadOnlyDictionary<string, string[]> Apply(string tree, CancellationToken cancellation)
    {
        string why = "";
        for (int strip = 1; strip >= 0 && strip <= MostStripped; strip = strip == 1 ? 0 : strip == 0 ? 2 : strip + 1)
        {
            BuildRun.Outcome tried = Run(tree, strip, "--dry-run", cancellation);
            if (tried.ExitCode != 0)
            {
                if (strip == 1) why = tried.Tail(6);
                continue;
            }
            Dictionary<string, string[]> before = [];
            foreach (string file in Files.Select(f => Strip(f, strip)).Where(LineKeeper.IsSource))
                if (Inside(tree, file) is { } path && File.Exists(path)) before[path] = Lines(path);
            BuildRun.Outcome applied = Run(tree, strip, "--no-backup-if-mismatch", cancellation);
            if (applied.ExitCode == 0) return before;
            why = applied.Tail(6);
            break;
        }
        throw new PatchException(PatchErrorId.NotPatchable, $"{Path} does not apply to the source: {why}\nGive the source that the "
            + "target was built from, with all that was changed in it since, or a diff made from that.");
    }

    /// <summary>Keeps the line numbers of files that the diff changed.</summary>
    public static void KeepLines(IReadOnlyDictionary<string, string[]> before)
    {
        foreach ((string path, string[] old) in before)
            if (File.Exists(path)) File.WriteAllText(path, string.Join('\n', LineKeeper.Keep(old, Lines(path))), Encoding.Latin1);
    }

    private BuildRun.Outcome Run(string tree, int strip, string option, CancellationToken cancellation) => BuildRun.Run(
        ["patch", "-d", tree, $"-p{strip}", "-t", "-s", "-N", "-E", option, "-i", Path], tree, new Dictionary<string, string> { ["LC_ALL"] = "C" },
        null, cancellation);

    // Bytes as they are, whatever the encoding.
    private static string[] Lines(string path) => File.ReadAllText(path, Encoding.Latin1).Split('\n');

    private static string? Inside(string tree, string file)
    {
        string path = System.IO.Path.GetFullPath(file, tree);
        return path.StartsWith(tree + "/", StringComparison.Ordinal) ? path : null;
    }

    private static string Strip(string file, int count)
    {
        for (; count > 0 && file.IndexOf('/') is >= 0 and var at; count--) file = file[(at + 1)..].TrimStart('/');
        return file;
    }

    private static IEnumerable<string> FilesOf(string text)
    {
        foreach (string line in text.Split('\n'))
        {
            if (!line.StartsWith("--- ", StringComparison.Ordinal) && !line.StartsWith("+++ ", StringComparison.Ordinal)) continue;
            string name = line[4..].TrimEnd('\r').Split('\t')[0].Trim();
            // Some write a date behind two blanks or one.
            int date = name.IndexOf(' ');
            if (date > 0) name = name[..date];
            if (name is not ("/dev/null" or "" or "-") && !name.StartsWith('-')) yield return name;
        }
    }
}
