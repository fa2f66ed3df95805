using Pannus.Authoring.Building;
using Pannus.Authoring.Making;
using Pannus.Core;

namespace Pannus.Authoring.Packages;

/// <summary>
/// Makes patches for the programs and libraries of an installed package of Debian: from the source of the very version that
/// is installed, built as Debian builds it.
/// </summary>
internal sealed class PackagePatch(string package, IReadOnlyList<TargetFile>? targets, MakeOptions options, Action<string, string>? progress,
    CancellationToken cancellation)
{
    // What debhelper notes as done is done again, but for the configuring.
    private const string Rebuild = "rm -f debian/debhelper-build-stamp debian/*build*stamp build-stamp; "
        + "for log in debian/*.debhelper.log; do [ ! -e \"$log\" ] || sed -i '/_build/d;/_test/d' \"$log\"; done; debian/rules build";

    /// <summary>
    /// Makes them from a diff, from a patch of the newest version's <c>debian/patches</c>, or, with neither, from all that the
    /// newest version changes. Error: <see cref="PatchErrorId.NotPatchable"/>.
    /// </summary>
    public IReadOnlyList<LivePatchBuild> Make(string? diff, string? patch)
    {
        var installed = DebianPackage.Find(package, cancellation);
        string work = Directory.CreateTempSubdirectory("pannus-package-").FullName;
        try
        {
            var archive = new DebianArchive(work, progress, cancellation);
            string tree = archive.Unpack(installed.Source, installed.Version);
            CheckDependencies(installed.Source, tree);
            string path = diff ?? (patch is not null ? OfNewest(archive, installed, tree, patch) : ToNewest(archive, installed, work, tree));
            IReadOnlyList<TargetFile> files = targets ?? [.. installed.Files(cancellation).Select(f => new TargetFile(f, f))];
            var input = new SourceBuildInput
            {
                SourceDirectory = tree, Diff = SourceDiff.Read(path), BuildCommand = "debian/rules build", RebuildCommand = Rebuild,
                Environment = Environment(tree), Progress = progress,
            };
            IReadOnlyList<LivePatchBuild> results = PatchMaker.FromSource(input, files, options with
            {
                Notes = [.. options.Notes, $"package {installed.Source} {installed.Version}"],
            }, cancellation);
            LivePatchBuild[] changed = [.. results.Where(r => r.Verdict != PatchVerdict.Unchanged)];
            return changed.Length > 0 ? changed : results;
        }
        finally
        {
            Directory.Delete(work, true);
        }
    }

    private static string OfNewest(DebianArchive archive, DebianPackage installed, string tree, string patch)
    {
        string name = Path.GetFileName(patch);
        if (Find(tree, name) is not null)
            throw new PatchException(PatchErrorId.NotPatchable, $"{installed.Source} {installed.Version}, which is installed, has {name} already.");
        string newest = archive.Unpack(installed.Source, null);
        return Find(newest, name) ?? throw new PatchException(PatchErrorId.NotPatchable, $"The newest {installed.Source} of the archive has no "
            + $"debian/patches/{name}. It has {string.Join(", ", Names(newest))}.");
    }

    private string ToNewest(DebianArchive archive, DebianPackage installed, string work, string tree)
    {
        string newest = archive.Unpack(installed.Source, null);
        string path = Path.Combine(work, $"{installed.Source}.diff");
        // The trees are named from the folder that both are in, so that one part is to be stripped.
        BuildRun.Outcome made = BuildRun.Shell($"diff -ruN -x debian -x .pc installed/tree newest/tree >'{path}'", work,
            new Dictionary<string, string> { ["LC_ALL"] = "C" }, null, cancellation);
        const int differ = 1;
        if (made.ExitCode == 0)
            throw new PatchException(PatchErrorId.NotPatchable, $"The archive has nothing newer than {installed.Source} {installed.Version}, which is "
                + "installed, or nothing of its source differs.");
        return made.ExitCode == differ ? path : throw new PatchException(PatchErrorId.NotPatchable, $"{tree} and {newest} can't be compared: {made.Tail(3)}");
    }

    private void CheckDependencies(string source, string tree)
    {
        BuildRun.Outcome checked_ = BuildRun.Run(["dpkg-checkbuilddeps"], tree, new Dictionary<string, string> { ["LC_ALL"] = "C" }, null, cancellation);
        if (checked_.ExitCode != 0)
            throw new PatchException(PatchErrorId.NotPatchable, $"{source} can't be built here: {checked_.Tail(2)}\nInstall what is missing: apt-get build-dep {source}");
    }

    private Dictionary<string, string> Environment(string tree)
    {
        BuildRun.Outcome date = BuildRun.Run(["dpkg-parsechangelog", "-STimestamp"], tree, new Dictionary<string, string>(), null, cancellation);
        Dictionary<string, string> environment = new()
        {
            ["DEB_BUILD_OPTIONS"] = $"nocheck parallel={System.Environment.ProcessorCount}", ["LC_ALL"] = "C.UTF-8",
        };
        if (date.ExitCode == 0 && date.Tail(1) is { Length: > 0 } seconds) environment["SOURCE_DATE_EPOCH"] = seconds.Trim();
        return environment;
    }

    private static string? Find(string tree, string name)
    {
        string folder = Path.Combine(tree, "debian", "patches");
        return Directory.Exists(folder) ? Directory.EnumerateFiles(folder, name, SearchOption.AllDirectories).FirstOrDefault() : null;
    }

    private static IEnumerable<string> Names(string tree)
    {
        string folder = Path.Combine(tree, "debian", "patches");
        return Directory.Exists(folder) ? Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Select(f => Path.GetFileName(f))
            .Where(n => n != "series").Order(StringComparer.Ordinal) : [];
    }
}
