using System.Collections.Concurrent;
using System.Management.Automation;
using System.Management.Automation.Runspaces;

namespace Pannus.Tests.Pester;

/// <summary>What became of one <c>It</c>.</summary>
public sealed record PesterResult(string Name, bool Passed, string Message);

/// <summary>One file of Pester tests, run in a runspace of its own with the module in it.</summary>
internal static class PesterFile
{
    private const string Discovery = "(discovery)";

    private static readonly ConcurrentDictionary<string, Lazy<IReadOnlyDictionary<string, PesterResult>>> Results
        = new();

    /// <summary>The repository, found from the test's own place in <c>bin/</c>.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>The names of the tests in a file; a file that can't be read has one, which then fails.</summary>
    public static IReadOnlyList<string> Find(string path)
    {
        try
        {
            using var shell = Open(path);
            var tests = shell
                .AddScript("param($path) Get-PesterTest (Find-PesterTest $path) | ForEach-Object { Get-PesterPath $_ }")
                .AddArgument(path).Invoke<string>();
            return Unique(tests);
        }
        catch (RuntimeException)
        {
            return [Discovery];
        }
    }

    /// <summary>Runs the file at the first call, then answers from what it gave.</summary>
    public static PesterResult Result(string path, string name)
    {
        var results = Results.GetOrAdd(path, file => new(() => Run(file))).Value;
        return results.TryGetValue(name, out var result)
            ? result
            : new PesterResult(name, false, $"{path} did not run this test.");
    }

    /// <summary>Runs every test of a file.</summary>
    public static IReadOnlyDictionary<string, PesterResult> Run(string path)
    {
        var drive = Directory.CreateTempSubdirectory("pannus-pester-");
        try
        {
            using var shell = Open(path);
            shell.Runspace.SessionStateProxy.SetVariable("TestDrive", drive.FullName);
            var results = shell.AddScript("param($path) Invoke-PesterBlock (Find-PesterTest $path)").AddArgument(path)
                .Invoke()
                .Select(result => new PesterResult(
                    $"{result.Properties["Name"].Value}",
                    LanguagePrimitives.IsTrue(result.Properties["Passed"].Value),
                    $"{result.Properties["Message"].Value}"))
                .ToList();
            var names = Unique(results.Select(result => result.Name));
            return results.Zip(names, (result, name) => result with { Name = name }).ToDictionary(r => r.Name);
        }
        catch (RuntimeException error)
        {
            return new Dictionary<string, PesterResult>
            {
                [Discovery] = new(Discovery, false, $"{error.Message}\n{error.ErrorRecord.ScriptStackTrace}"),
            };
        }
        finally
        {
            drive.Delete(recursive: true);
        }
    }

    private static PowerShell Open(string path)
    {
        var runspace = RunspaceFactory.CreateRunspace(InitialSessionState.CreateDefault2());
        runspace.Open();
        var shell = PowerShell.Create(runspace);
        var here = Path.Join(Root, "tests", "Pannus.Tests", "Pester");
        // Not in a scope of its own: Pester.ps1 is part of the global session state.
        shell.AddScript("param($here, $module) . $here/Pester.ps1; "
                + "Import-Module $here/Should.psm1, $module -Global -ErrorAction Stop", useLocalScope: false)
            .AddArgument(here).AddArgument(Path.Join(Root, "Pannus.psd1")).Invoke();
        shell.Runspace.SessionStateProxy.Path.SetLocation(Path.GetDirectoryName(path));
        shell.Commands.Clear();
        return shell;
    }

    /// <summary>Tests of the same name are told apart by a number.</summary>
    private static List<string> Unique(IEnumerable<string> names)
    {
        var seen = new Dictionary<string, int>();
        return names.Select(name =>
        {
            var count = seen[name] = seen.GetValueOrDefault(name) + 1;
            return count == 1 ? name : $"{name} #{count}";
        }).ToList();
    }

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Join(folder.FullName, "Pannus.psd1")))
            folder = folder.Parent;
        return folder?.FullName
            ?? throw new DirectoryNotFoundException($"Pannus.psd1 isn't above {AppContext.BaseDirectory}.");
    }
}
