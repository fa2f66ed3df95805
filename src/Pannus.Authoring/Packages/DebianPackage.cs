using Pannus.Authoring.Building;
using Pannus.Core;

namespace Pannus.Authoring.Packages;

/// <summary>A source package of Debian as dpkg knows it: which version is installed, and its binaries.</summary>
/// <param name="Source">Name of the source package.</param>
/// <param name="Version">Version of the source that the installed binaries are from.</param>
/// <param name="Binaries">The installed binary packages.</param>
internal sealed record DebianPackage(string Source, string Version, IReadOnlyList<string> Binaries)
{
    private static readonly Dictionary<string, string> s_environment = new() { ["LC_ALL"] = "C" };

    /// <summary>Finds it by the name of a binary or source package. Error: <see cref="PatchErrorId.NotPatchable"/>.</summary>
    public static DebianPackage Find(string name, CancellationToken cancellation)
    {
        List<(string Binary, string Source, string Version)> installed = [];
        BuildRun.Outcome listed = BuildRun.Run(["dpkg-query", "-W", "-f", "${db:Status-Status} ${binary:Package} ${source:Package} ${source:Version}\\n"],
            "/", s_environment, null, cancellation, keepAll: true);
        foreach (string line in listed.Lines)
            if (line.Split(' ') is ["installed", var binary, var source, var version]) installed.Add((binary.Split(':')[0], source, version));
        var own = installed.FirstOrDefault(p => p.Binary == name);
        string of = own.Source ?? name;
        (string Binary, string Source, string Version)[] all = [.. installed.Where(p => p.Source == of)];
        if (all.Length == 0)
            throw new PatchException(PatchErrorId.NotPatchable, $"No package {name} is installed, nor one from a source package of that name.");
        string runs = own.Version ?? all[0].Version;
        return new DebianPackage(of, runs, [.. all.Where(p => p.Version == runs).Select(p => p.Binary).Distinct()]);
    }

    /// <summary>All programs and libraries that its binary packages have installed.</summary>
    public IEnumerable<string> Files(CancellationToken cancellation)
    {
        BuildRun.Outcome listed = BuildRun.Run(["dpkg-query", "-L", .. Binaries], "/", s_environment, null, cancellation, keepAll: true);
        HashSet<string> seen = [];
        foreach (string path in listed.Lines)
            if (path.StartsWith('/') && File.Exists(path) && new FileInfo(path).LinkTarget is null && seen.Add(path) && IsLinked(path)) yield return path;
    }

    private static bool IsLinked(string path)
    {
        Span<byte> start = stackalloc byte[18];
        using FileStream stream = File.OpenRead(path);
        return stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) == start.Length
            && start[..4].SequenceEqual("\u007fELF"u8) && start[16] is 2 or 3;
    }
}
