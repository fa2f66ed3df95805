using System.Collections.Concurrent;
using System.Diagnostics;

namespace Pannus.Tests.Support;

/// <summary>Programs that the tests patch, built once from the repository's sources by their own Makefiles.</summary>
internal static class Built
{
    private static readonly ConcurrentDictionary<string, Lazy<string>> s_directories = new();

    public static string Repository { get; } = FindRepository();

    /// <summary>The command <c>pannus</c>, as <c>build.ps1 Build</c> makes it.</summary>
    public static string Pannus { get; } = Path.Combine(Repository, "bin/pannus");

    /// <summary>The sample, built with these variables of make: <c>CC=clang CFLAGS=-O3</c>.</summary>
    public static string Sample(string file, params string[] variables) => Path.Combine(Make("src/sample", variables), file);

    /// <summary>A program or patch of tests/targets.</summary>
    public static string Target(string file, params string[] variables) => Path.Combine(Make("tests/targets", variables), file);

    /// <summary>A program or patch of tests/bench.</summary>
    public static string Bench(string file) => Path.Combine(Make("tests/bench", []), file);

    /// <summary>Runs a program to its end and gives its output; throws when it fails.</summary>
    public static string Run(string file, params string[] arguments)
    {
        var start = new ProcessStartInfo(file, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output
            : throw new InvalidOperationException($"{file} {string.Join(' ', arguments)}: {process.ExitCode}\n{output}{error.Result}");
    }

    private static string Make(string directory, string[] variables)
    {
        string name = string.Concat(string.Join(',', variables).Select(c => char.IsAsciiLetterOrDigit(c) ? c : '_'));
        string output = Path.Combine(Repository, "bin/tests", Path.GetFileName(directory), name.Length > 0 ? name : "default");
        return s_directories.GetOrAdd(output, _ => new Lazy<string>(() =>
        {
            Run("make", ["-s", "-C", Path.Combine(Repository, directory), "OUT=" + output, .. variables]);
            return output;
        })).Value;
    }

    private static string FindRepository()
    {
        string? at = AppContext.BaseDirectory;
        while (at is not null && !File.Exists(Path.Combine(at, "build.ps1"))) at = Path.GetDirectoryName(at);
        return at ?? throw new InvalidOperationException("the tests run outside the repository");
    }
}
