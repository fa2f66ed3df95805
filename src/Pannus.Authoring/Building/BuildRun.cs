using Pannus.Core;
using System.Diagnostics;
using System.Globalization;

namespace Pannus.Authoring.Building;

/// <summary>Runs a command of a build in a session of its own, so that all its processes end with it.</summary>
internal static class BuildRun
{
    private const int MostLines = 400;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(3);

    /// <summary>What came of a command: its exit code and the last lines that it printed.</summary>
    internal sealed record Outcome(int ExitCode, IReadOnlyList<string> Lines)
    {
        /// <summary>The last lines, for a message.</summary>
        public string Tail(int count) => string.Join('\n', Lines.Where(l => l.Trim() != "").TakeLast(count));
    }

    /// <summary>
    /// Runs a shell command. When <paramref name="cancellation"/> ends it, no process of it is left. Error:
    /// <see cref="OperationCanceledException"/>.
    /// </summary>
    public static Outcome Shell(string command, string folder, IReadOnlyDictionary<string, string> environment,
        Action<string>? progress, CancellationToken cancellation) =>
        Run([File.Exists("/bin/bash") ? "/bin/bash" : "/bin/sh", "-c", command], folder, environment, progress, cancellation);

    /// <summary>
    /// As <see cref="Shell"/>, for a program and its arguments. All lines are kept where they are its result, else the last ones.
    /// </summary>
    public static Outcome Run(IReadOnlyList<string> command, string folder, IReadOnlyDictionary<string, string> environment,
        Action<string>? progress, CancellationToken cancellation, bool keepAll = false)
    {
        var start = new ProcessStartInfo("setsid") { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (string argument in command) start.ArgumentList.Add(argument);
        foreach ((string name, string value) in environment) start.Environment[name] = value;
        using Process process = Process.Start(start) ?? throw new PatchException(PatchErrorId.NotPatchable, "setsid can't be started.");
        process.StandardInput.Close();
        Queue<string> lines = [];
        void Keep(object sender, DataReceivedEventArgs e)
        {
            if (e.Data is not { } line) return;
            lock (lines)
            {
                lines.Enqueue(line);
                if (lines.Count > MostLines && !keepAll) lines.Dequeue();
            }
        }
        process.OutputDataReceived += Keep;
        process.ErrorDataReceived += Keep;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        try
        {
            // What progress there is can be shown by the thread that asked for it only.
            while (!process.WaitForExit(200))
            {
                cancellation.ThrowIfCancellationRequested();
                string? last;
                lock (lines) last = lines.LastOrDefault(l => l.Trim() != "");
                if (last is not null) progress?.Invoke(last);
            }
            process.WaitForExit();
        }
        finally
        {
            if (!process.HasExited) End(process);
        }
        lock (lines) return new Outcome(process.ExitCode, [.. lines]);
    }

    // The process leads its group: a minus sign before the number means all of it.
    private static void End(Process process)
    {
        Kill("TERM", process.Id);
        if (!process.WaitForExit(s_patience)) Kill("KILL", process.Id);
        process.WaitForExit();
        Kill("KILL", process.Id);
    }

    private static void Kill(string signal, int group)
    {
        var start = new ProcessStartInfo("kill") { RedirectStandardError = true };
        foreach (string argument in new[] { "-s", signal, "--", (-group).ToString(CultureInfo.InvariantCulture) }) start.ArgumentList.Add(argument);
        using Process? kill = Process.Start(start);
        kill?.WaitForExit();
    }
}
