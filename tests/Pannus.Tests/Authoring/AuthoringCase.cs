using System.Security.Cryptography;
using System.Text;
using Pannus.Authoring;
using Pannus.Tests.Support;

namespace Pannus.Tests.Authoring;

/// <summary>
/// A directory of tests/authoring: sources that are compiled without and with <c>-DFIX</c>, and in <c>case.txt</c> a
/// line that says what it shows, then what is expected.
/// </summary>
internal sealed class AuthoringCase
{
    private const string DefaultBuilds = "gcc -O2; gcc -O0; gcc -O3 -m32; clang -O2", Sections =
        "-ffunction-sections -fdata-sections";

    private static readonly string s_root = Path.Combine(Built.Repository, "tests/authoring");
    private static readonly Lock s_gate = new();

    private readonly Dictionary<string, string> _keys;

    private AuthoringCase(string name)
    {
        Name = name;
        string[] lines = File.ReadAllLines(Path.Combine(s_root, name, "case.txt"));
        _keys = lines.Skip(1).Select(l => l.Split(':', 2)).ToDictionary(p => p[0], p => p[1].Trim());
    }

    public string Name { get; }

    public PatchVerdict Verdict => Enum.Parse<PatchVerdict>(Key("expect", nameof(PatchVerdict.Made)));

    /// <summary>Names of the functions that are replaced, in any order; null where builds differ in them.</summary>
    public string[]? Functions => _keys.TryGetValue("functions", out string? names) ? names.Split(' ') : null;

    public string[] NewFunctions => Key("new-functions", "").Split(' ', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Kind and symbol of a finding.</summary>
    public string[] Finding => Key("finding", "").Split(' ', StringSplitOptions.RemoveEmptyEntries);

    public string Question => Key("ask", "1");

    public string Old => Key("old", "");

    public string New => Key("new", "");

    /// <summary>Whether the program counts, so that its answers are no two times the same.</summary>
    public bool IsCounting => Key("counts", "no") == "yes";

    public bool IsApplied => Verdict == PatchVerdict.Made && Key("apply", "yes") == "yes";

    public static AuthoringCase Read(string name) => new(name);

    /// <summary>All cases, each with each of its builds.</summary>
    public static TheoryData<string, string> All()
    {
        var all = new TheoryData<string, string>();
        foreach (string name in Directory.GetDirectories(s_root).Select(d => Path.GetFileName(d)!)
            .Order(StringComparer.Ordinal))
            foreach (string build in Read(name).Key("builds", DefaultBuilds)
                .Split(';', StringSplitOptions.TrimEntries)) all.Add(name, build);
        return all;
    }

    /// <summary>Compiles the program as any build would, and the objects of both sides.</summary>
    public (string Target, string Program, ObjectPair[] Objects) Compile(string build)
    {
        string directory = Path.Combine(Built.Repository, "bin/tests/authoring", Name, Key64(build));
        lock (s_gate)
        {
            Directory.CreateDirectory(directory);
            string[] sources = [.. Directory.GetFiles(Path.Combine(s_root, Name), "*", SearchOption.AllDirectories)
                .Where(f => Path.GetExtension(f) is ".c" or ".cpp" or ".S").Order(StringComparer.Ordinal)];
            string flags = $"{build} -w -g -I{s_root} {(IsLibrary ? "-fPIC" : "")} {Key("flags", "")}";
            List<string> plain = [];
            List<ObjectPair> pairs = [];
            foreach (string source in sources.Append(Path.Combine(s_root, "main.c")))
            {
                string name = Path.GetRelativePath(s_root, source).Replace('/', '-');
                string compile = source.EndsWith("main.c", StringComparison.Ordinal)
                    ? flags.Replace("clang++", "clang").Replace("g++", "gcc") : flags;
                string fix = "-DFIX " + Key("fix", "");
                // What is told by file names is told by those of the sources alone.
                plain.Add(Run(directory, $"{name}.o", $"{compile} -c", source, ""));
                string sectioned = Key("flags", "").Contains("-fno-function-sections") ? compile
                    : $"{compile} {Sections}";
                pairs.Add(new ObjectPair(name, Run(directory, $"{name}.old.o", $"{sectioned} -c", source, ""),
                    Run(directory, $"{name}.new.o", $"{sectioned} -c", source, fix)));
            }
            string program = Path.Combine(directory, "authored-" + Name);
            string target = program;
            if (IsLibrary)
            {
                target = Path.Combine(directory, "libauthored.so");
                Link(directory, $"{build} -shared -Wl,-soname,libauthored.so -o {target} "
                    + $"{string.Join(' ', plain[..^1])}");
                Link(directory, $"{build} -o {program} {plain[^1]} {target} -Wl,-rpath,{directory}");
                pairs.RemoveAt(pairs.Count - 1);
            }
            else
            {
                Link(directory, $"{build} -o {program} {string.Join(' ', plain)}");
            }
            return (target, program, [.. pairs]);
        }
    }

    private bool IsLibrary => Key("library", "no") == "yes";

    private string Key(string name, string otherwise) => _keys.GetValueOrDefault(name, otherwise);

    private static string Run(string directory, string output, string command, string source, string more)
    {
        string path = Path.Combine(directory, output);
        string[] words = [.. $"{command} {more} -o {path} {source}".Split(' ', StringSplitOptions.RemoveEmptyEntries)];
        _ = Built.Run(words[0], words[1..]);
        return path;
    }

    private static void Link(string directory, string command)
    {
        string[] words = command.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        _ = Built.Run(words[0], words[1..]);
    }

    private static string Key64(string text) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..12];
}
