using System.Diagnostics;
using Pannus.Targets;

namespace Pannus.Tests.Symbols;

/// <summary>A program that was compiled by a test, running until it is disposed of. It must print a line when it is
/// ready.</summary>
internal sealed class SleepingProgram : IDisposable
{
    /// <summary>The end of a main function: says that it is ready and sleeps.</summary>
    public const string Sleep = "puts(\"ready\"); fflush(stdout); for (;;) pause();";

    private readonly Process _process;

    public SleepingProgram(string path, string directory = "")
    {
        _process = Process.Start(new ProcessStartInfo(path) { RedirectStandardOutput = true, WorkingDirectory = directory })!;
        try
        {
            if (_process.StandardOutput.ReadLine() is null) throw new InvalidOperationException($"{path} has ended.");
            Target = TargetProcess.Open(_process.Id);
        }
        catch
        {
            Kill();
            throw;
        }
    }

    public TargetProcess Target { get; }

    public void Dispose()
    {
        Target.Dispose();
        Kill();
    }

    private void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }
}
