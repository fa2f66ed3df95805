using Pannus.Core;
using System.Diagnostics;


namespace Pannus.Authoring.Building;

/// <summary>What two builds are made of.</summary>
internal sealed record SourceBuildInput
{
    /// <summary>The source of before.</summary>
    public required string SourceDirectory { get; init; }
    public required SourceDiff Diff { get; init; }
    /// <summary>Shell command that builds, run in the tree.</summary>
    public required string BuildCommand { get; init; }
    /// <summary>Shell command that builds again what changed; null derives it from the other one.</summary>
    public string? RebuildCommand { get; init; }
    /// <summary>Whether the program's own symbols are wanted, which takes a build of the base without any change.</summary>
    public bool WantsSymbols { get; init; }
    /// <summary>Further variables of the environment.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();
    /// <summary>Told what is done, and the last line that a build printed.</summary>
    public Action<string, string>? Progress { get; init; }
}

/// <summary>A program or library as both builds made it.</summary>
/// <param name="Name">Its path in the tree.</param>
/// <param name="Path">The file as the base build linked it.</param>
/// <param name="Objects">Its objects in both builds.</param>
internal sealed record BuiltBinary(string Name, string Path, IReadOnlyList<ObjectPair> Objects)
{
    /// <summary>Whether an object of it differs.</summary>
    public bool IsChanged => Objects.Any(o => o.Original != o.Patched);
}

/// <summary>
/// Builds a source tree without and with a diff, in one place, so that both builds name the same paths, and the second
/// compiles only what changed.
/// </summary>
internal sealed class SourceBuild : IDisposable
{
    private const int LinesOfFailure = 12;

    private readonly SourceBuildInput _input;
    private readonly string _work, _tree, _temporary;
    private readonly BuildTools _tools;
    private readonly CancellationToken _cancellation;
    private readonly Stopwatch _building = new();

    public SourceBuild(SourceBuildInput input, CancellationToken cancellation)
    {
        (_input, _cancellation) = (input, cancellation);
        _work = Directory.CreateTempSubdirectory("pannus-build-").FullName;
        _tree = Path.Combine(_work, "tree");
        _temporary = Path.Combine(_work, "tmp");
        _tools = new BuildTools(Path.Combine(_work, "tools"));
    }

    /// <summary>How long the builds themselves took.</summary>
    public TimeSpan BuildTime => _building.Elapsed;

    /// <summary>Whether line numbers could be kept; if not, code may differ by them alone.</summary>
    public bool KeepsLines { get; private set; } = true;

    /// <summary>
    /// Builds both. Error: <see cref="PatchErrorId.NotPatchable"/> when the diff doesn't apply or a build fails, with its last
    /// lines.
    /// </summary>
    public IReadOnlyList<BuiltBinary> Build()
    {
        _input.Progress?.Invoke("Copying the source", _input.SourceDirectory);
        SourceTree.Copy(_input.SourceDirectory, _tree, _cancellation);
        // It is tried first: two builds for a diff that doesn't apply would be for nothing.
        CheckDiff();
        IReadOnlyList<LinkRecord> links = Run("Building the base", _input.BuildCommand, "base", withSections: !_input.WantsSymbols);
        if (links.Count == 0)
            throw new PatchException(PatchErrorId.NotPatchable, $"'{_input.BuildCommand}' linked no program and no library in a copy of "
                + $"{_input.SourceDirectory}. Give a command that builds it, from there.");
        string again = _input.RebuildCommand
            ?? (_input.Diff.Configures ? _input.BuildCommand : BuildCommandLine.WithoutConfiguring(_input.BuildCommand));
        IReadOnlyList<LinkRecord> bases = links;
        if (_input.WantsSymbols)
        {
            TouchSources();
            IReadOnlyList<LinkRecord> sectioned = Run("Building the base by functions", again, "sections", withSections: true);
            bases = [.. links.Select(l => sectioned.FirstOrDefault(s => s.Output == l.Output) ?? l)];
        }
        var before = new KeptObjects(Path.Combine(_work, "objects", "base"), _tree);
        List<(LinkRecord Link, IReadOnlyList<StoredObject> Objects)> kept = [];
        for (int i = 0; i < links.Count; i++) kept.Add((links[i], before.Keep(bases[i])));

        IReadOnlyList<LinkRecord> fixedLinks = BuildFixed(again);
        var after = new KeptObjects(Path.Combine(_work, "objects", "fixed"), _tree);
        return [.. kept.Select(k => Pair(k.Link, k.Objects, fixedLinks.LastOrDefault(f => f.Output == k.Link.Output), after))];
    }

    public void Dispose()
    {
        try
        {
            Directory.Delete(_work, true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A process that the build left behind still writes there; the system's cleaner of /tmp comes by.
        }
    }

    private void CheckDiff()
    {
        string trial = Path.Combine(_work, "trial");
        foreach (string file in _input.Diff.Files)
        {
            // The diff's own paths with their first parts taken away: whichever of them is in the tree.
            for (string part = file; ; part = part[(part.IndexOf('/') + 1)..].TrimStart('/'))
            {
                string path = Path.GetFullPath(part, _tree);
                if (part != "" && path.StartsWith(_tree + "/", StringComparison.Ordinal) && File.Exists(path))
                {
                    string copy = Path.Combine(trial, Path.GetRelativePath(_tree, path));
                    Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
                    File.Copy(path, copy, true);
                    break;
                }
                if (!part.Contains('/')) break;
            }
        }
        Directory.CreateDirectory(trial);
        _input.Diff.Apply(trial, _cancellation);
        Directory.Delete(trial, true);
    }

    private IReadOnlyList<LinkRecord> BuildFixed(string command)
    {
        // What configures may have left marks that keep it from being done again, so it is done in a new copy.
        if (_input.Diff.Configures && _input.RebuildCommand is null)
        {
            Directory.Delete(_tree, true);
            SourceTree.Copy(_input.SourceDirectory, _tree, _cancellation);
        }
        IReadOnlyDictionary<string, string[]> before = _input.Diff.Apply(_tree, _cancellation);
        Dictionary<string, byte[]> plain = before.Keys.Where(File.Exists).ToDictionary(p => p, File.ReadAllBytes);
        SourceDiff.KeepLines(before);
        try
        {
            return Run("Building the source with the diff", command, "fixed", withSections: true);
        }
        catch (PatchException) when (plain.Count > 0)
        {
            // Names made of __LINE__ may meet each other when two lines have one number.
            foreach ((string path, byte[] content) in plain) File.WriteAllBytes(path, content);
            KeepsLines = false;
            return Run("Building the source with the diff", command, "fixed", withSections: true);
        }
    }

    private IReadOnlyList<LinkRecord> Run(string what, string command, string name, bool withSections)
    {
        string record = Path.Combine(_work, "records", name);
        Dictionary<string, string> environment = _tools.Environment(_tree, _input.SourceDirectory, record, _temporary, withSections);
        foreach ((string variable, string value) in _input.Environment) environment[variable] = value;
        _input.Progress?.Invoke(what, command);
        _building.Start();
        BuildRun.Outcome outcome = BuildRun.Shell(command, _tree, environment, line => _input.Progress?.Invoke(what, line), _cancellation);
        _building.Stop();
        if (outcome.ExitCode != 0)
            throw new PatchException(PatchErrorId.NotPatchable, $"{what}: '{command}' ended with exit code {outcome.ExitCode}. Its last "
                + $"lines:\n{outcome.Tail(LinesOfFailure)}");
        return LinkRecord.ReadAll(record, _temporary);
    }

    // What depends on the sources that the diff changes is compiled again, by functions this time.
    private void TouchSources()
    {
        if (_input.Diff.Configures)
        {
            SourceTree.RemoveObjects(_tree);
            return;
        }
        DateTime now = DateTime.UtcNow;
        foreach (string file in _input.Diff.Files)
        {
            for (string part = file; ; part = part[(part.IndexOf('/') + 1)..])
            {
                string path = Path.GetFullPath(part, _tree);
                if (path.StartsWith(_tree + "/", StringComparison.Ordinal) && File.Exists(path))
                {
                    File.SetLastWriteTimeUtc(path, now);
                    break;
                }
                if (!part.Contains('/')) break;
            }
        }
    }

    private BuiltBinary Pair(LinkRecord link, IReadOnlyList<StoredObject> was, LinkRecord? fixedLink, KeptObjects store)
    {
        string name = Path.GetRelativePath(_tree, link.Output);
        if (fixedLink is null) return new BuiltBinary(name, link.Binary, [.. was.Select(o => new ObjectPair(o.Name, o.Path, o.Path))]);
        IReadOnlyList<StoredObject> now = store.Keep(fixedLink);
        Dictionary<string, StoredObject> byName = [];
        foreach (StoredObject o in now) byName.TryAdd(o.Name, o);
        List<ObjectPair> pairs = [];
        foreach (StoredObject o in was)
        {
            string? patched = byName.Remove(o.Name, out StoredObject? other) ? IsSame(o.Path, other.Path) ? o.Path : other.Path : null;
            pairs.Add(new ObjectPair(o.Name, o.Path, patched));
        }
        pairs.AddRange(now.Where(o => byName.ContainsKey(o.Name)).Select(o => new ObjectPair(o.Name, null, o.Path)));
        return new BuiltBinary(name, link.Binary, pairs);
    }

    private static bool IsSame(string a, string b) =>
        new FileInfo(a).Length == new FileInfo(b).Length && File.ReadAllBytes(a).AsSpan().SequenceEqual(File.ReadAllBytes(b));
}
