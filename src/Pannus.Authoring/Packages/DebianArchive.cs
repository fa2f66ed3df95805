using Pannus.Authoring.Building;
using Pannus.Core;

namespace Pannus.Authoring.Packages;

/// <summary>
/// The sources of the archives that this machine takes its packages from. apt's own configuration stays as it is: source
/// entries are made from the machine's binary ones, in a folder of their own.
/// </summary>
internal sealed class DebianArchive
{
    private readonly string _folder;
    private readonly CancellationToken _cancellation;
    private readonly Action<string, string>? _progress;
    private readonly string[] _options;
    private bool _isUpdated;

    public DebianArchive(string folder, Action<string, string>? progress, CancellationToken cancellation)
    {
        (_folder, _progress, _cancellation) = (folder, progress, cancellation);
        foreach (string part in new[] { "sources", "lists/partial", "cache/archives/partial" }) Directory.CreateDirectory(Path.Combine(folder, part));
        WriteSources();
        _options = ["-o", $"Dir::Etc::SourceList=/dev/null", "-o", $"Dir::Etc::SourceParts={folder}/sources", "-o", $"Dir::State::Lists={folder}/lists",
            "-o", $"Dir::Cache={folder}/cache", "-o", "APT::Sandbox::User=root", "-o", "Acquire::Languages=none"];
    }

    /// <summary>
    /// Unpacks a version with its patches, and gives the tree; the newest one of the archive for null. Error:
    /// <see cref="PatchErrorId.NotPatchable"/> when the archive has it no longer.
    /// </summary>
    public string Unpack(string source, string? version)
    {
        Update();
        string name = version is null ? "newest" : "installed", downloads = Path.Combine(_folder, name), tree = Path.Combine(_folder, name, "tree");
        Directory.CreateDirectory(downloads);
        string wanted = version is null ? source : $"{source}={version}";
        _progress?.Invoke("Fetching the source", wanted);
        BuildRun.Outcome fetched = Run(["apt-get", .. _options, "-q", "source", "--only-source", "--download-only", wanted], downloads);
        if (fetched.ExitCode != 0)
            throw new PatchException(PatchErrorId.NotPatchable, $"The archive has no source {wanted}: {fetched.Tail(3)}\nIf it had it once, unpack "
                + "it from where old versions are kept, and use -SourceDirectory with -BuildCommand 'debian/rules build'.");
        string description = Directory.EnumerateFiles(downloads, "*.dsc").Order(StringComparer.Ordinal).Last();
        BuildRun.Outcome unpacked = Run(["dpkg-source", "--no-check", "-x", description, tree], downloads);
        if (unpacked.ExitCode != 0) throw new PatchException(PatchErrorId.NotPatchable, $"{description} can't be unpacked: {unpacked.Tail(3)}");
        return tree;
    }

    private void Update()
    {
        if (_isUpdated) return;
        _isUpdated = true;
        _progress?.Invoke("Reading the lists of sources", "apt-get update");
        // An archive without sources makes it fail for that one only; what is missing then shows when it is asked for.
        _ = Run(["apt-get", .. _options, "-q", "update"], _folder);
    }

    private BuildRun.Outcome Run(IReadOnlyList<string> command, string folder) => BuildRun.Run(command, folder,
        new Dictionary<string, string> { ["LC_ALL"] = "C" }, line => _progress?.Invoke("Fetching the source", line), _cancellation);

    private void WriteSources()
    {
        const string configuration = "/etc/apt";
        string parts = Path.Combine(configuration, "sources.list.d");
        string[] lists = [Path.Combine(configuration, "sources.list"), .. Directory.Exists(parts) ? Directory.GetFiles(parts, "*.list") : []];
        int number = 0;
        foreach (string list in lists.Where(File.Exists))
        {
            IEnumerable<string> lines = File.ReadLines(list).Where(l => l.StartsWith("deb ", StringComparison.Ordinal)).Select(l => "deb-src" + l[3..]);
            File.WriteAllLines(Path.Combine(_folder, "sources", $"{number++}.list"), lines);
        }
        foreach (string list in Directory.Exists(parts) ? Directory.GetFiles(parts, "*.sources") : [])
        {
            IEnumerable<string> lines = File.ReadLines(list).Select(l => l.StartsWith("Types:", StringComparison.Ordinal) ? "Types: deb-src" : l);
            File.WriteAllLines(Path.Combine(_folder, "sources", $"{number++}.sources"), lines);
        }
    }
}
