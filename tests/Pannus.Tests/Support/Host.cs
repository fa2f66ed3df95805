using System.Diagnostics;

namespace Pannus.Tests.Support;

/// <summary>Runs programs as other users, or in other surroundings, run them.</summary>
internal static class Host
{
    /// <summary>Runs a program to its end.</summary>
    public static (int Code, string Output, string Problems) Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = "/" };
        start.Environment["HOME"] = "/tmp";
        start.Environment["NO_COLOR"] = "1";
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string problems = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output.Result, problems);
    }

    /// <summary>
    /// Runs <c>pannus</c> as another user. The repository and the shell may lie in a folder that only root may enter, so
    /// that this user gets both in a folder of its own.
    /// </summary>
    public static (int Code, string Problems) RunPannusAs(int user, params string[] arguments)
    {
        string folder = Directory.CreateTempSubdirectory("pannus-other-").FullName;
        try
        {
            string home = Run(Built.Pannus, "-NoProfile", "-Command", "$PSHOME").Output.Trim();
            // Links where they can be made, which cost nothing.
            const string copy = """
                set -e
                cp -rl "$2" "$1/shell" 2> /dev/null || cp -r "$2" "$1/shell"
                mkdir "$1/bin"
                cp "$3"/Pannus.psd1 "$3"/Pannus.psm1 "$1"
                cp -r "$3"/bin/module "$3"/bin/pannus "$3"/bin/pannus.ps1 "$1/bin"
                printf '#!/bin/sh\nexec dotnet "%s/shell/pwsh.dll" "$@"\n' "$1" > "$1/pwsh"
                chmod 755 "$1" "$1/pwsh"
                """;
            Built.Run("sh", "-c", copy, "sh", folder, home, Built.Repository);
            string path = $"PATH={folder}:{Environment.GetEnvironmentVariable("PATH")}";
            (int code, _, string problems) = Run("setpriv", [$"--reuid={user}", $"--regid={user}", "--clear-groups",
                "env", path, $"{folder}/bin/pannus", .. arguments]);
            return (code, problems);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>A copy of a file that every user may read.</summary>
    public static string Readable(string file)
    {
        string copy = Path.Combine(Directory.CreateTempSubdirectory("pannus-file-").FullName, Path.GetFileName(file));
        File.Copy(file, copy);
        Built.Run("chmod", "-R", "755", Path.GetDirectoryName(copy)!);
        return copy;
    }
}
