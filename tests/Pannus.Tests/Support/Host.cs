using System.Diagnostics;

namespace Pannus.Tests.Support;

/// <summary>Runs the host as other users, or in other surroundings, run it.</summary>
internal static class Host
{
    /// <summary>Runs a program to its end.</summary>
    public static (int Code, string Output, string Problems) Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = "/" };
        start.Environment["HOME"] = "/tmp";
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string problems = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output.Result, problems);
    }
}
