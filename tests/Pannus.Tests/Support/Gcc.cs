using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;

namespace Pannus.Tests.Support;

/// <summary>Compiles the C programs that tests look at, and runs the tools that tell what is in them.</summary>
internal static class Gcc
{
    private static readonly Lock s_gate = new();

    /// <summary>
    /// Compiles <paramref name="source"/> into a file called <paramref name="fileName"/> and returns its path. The
    /// source is
    /// called after it, with <c>.c</c> (the symbol table keeps that name), and the current directory is that of both.
    /// What
    /// was compiled once is used again.
    /// </summary>
    public static string Compile(string source, string arguments, string fileName)
    {
        string key = Convert.ToHexStringLower(
            SHA256.HashData(Encoding.UTF8.GetBytes($"{fileName}\n{arguments}\n{source}")))[..24];
        string directory = Path.Combine(Path.GetTempPath(), "pannus-tests", key);
        string result = Path.Combine(directory, fileName);
        lock (s_gate)
        {
            if (File.Exists(result)) return result;
            // Another test process may compile the same: the one that renames first wins.
            string work = $"{directory}.{Environment.ProcessId}";
            Directory.CreateDirectory(work);
            string sourceName = Path.ChangeExtension(fileName, ".c");
            File.WriteAllText(Path.Combine(work, sourceName), source);
            Run("gcc", $"{arguments} -o {fileName} {sourceName}", work);
            try
            {
                Directory.Move(work, directory);
            }
            catch (IOException) when (File.Exists(result))
            {
                Directory.Delete(work, recursive: true);
            }
            return result;
        }
    }

    /// <summary>Runs a tool and returns its standard output; throws with its standard error when it fails.</summary>
    public static string Run(string tool, string arguments, string directory = "")
    {
        var start = new ProcessStartInfo(tool, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = directory,
            Environment = { ["LC_ALL"] = "C" },
        };
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output
            : throw new InvalidOperationException($"{tool} {arguments}: {errors.Result}");
    }
}
