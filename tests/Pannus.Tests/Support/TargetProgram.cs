using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Pannus.Core;
using Pannus.Targets;

namespace Pannus.Tests.Support;

/// <summary>A program under test: started here, read line by line, killed at the end.</summary>
internal sealed class TargetProgram : IDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly Process _process;
    private readonly BlockingCollection<string> _lines = [];

    private TargetProgram(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, e) =>
        {
            if (e.Data is not null) _lines.Add(e.Data);
            else _lines.CompleteAdding();
        };
        process.BeginOutputReadLine();
        Id = int.Parse(NextLine(), CultureInfo.InvariantCulture);
    }

    public int Id { get; }

    public bool HasExited => _process.HasExited;

    public static TargetProgram Start(string path, params string[] arguments)
    {
        // A shell is its parent, as System.Diagnostics.Process may take a stop of a child that this process traces for its
        // end, when another child ends just then (see ChildStops).
        const string launch = "exec 3<&0; sh -c 'echo $$; exec \"$0\" \"$@\"' \"$0\" \"$@\" <&3 3<&- & exec 3<&-; wait";
        var start = new ProcessStartInfo("/bin/sh", ["-c", launch, path, .. arguments]) { RedirectStandardOutput = true, RedirectStandardInput = true, WorkingDirectory = "/" };
        return new TargetProgram(Process.Start(start)!);
    }

    public void Say(string line)
    {
        _process.StandardInput.WriteLine(line);
        _process.StandardInput.Flush();
    }

    /// <summary>The next line.</summary>
    public string NextLine() => TryNextLine() ?? throw new InvalidOperationException($"process {Id} prints nothing more (exited: {HasExited})");

    /// <summary>The next line; null when the program has ended.</summary>
    public string? TryNextLine() => _lines.TryTake(out string? line, Patience) ? line : null;

    /// <summary>Leaves out the lines that it has printed up to now.</summary>
    public void Skip()
    {
        while (_lines.TryTake(out _)) { }
    }

    /// <summary>The next line that a condition accepts.</summary>
    public string WaitFor(Func<string, bool> isWanted)
    {
        long start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < Patience)
            if (NextLine() is var line && isWanted(line)) return line;
        throw new InvalidOperationException($"process {Id} does not print what is waited for");
    }

    public string WaitFor(string line) => WaitFor(l => l == line);

    public void Signal(string name)
    {
        using Process kill = Process.Start("kill", ["-" + name, Id.ToString()]);
        kill.WaitForExit();
    }

    public char State => File.ReadAllText($"/proc/{Id}/stat") is var stat ? stat[stat.LastIndexOf(')') + 2] : '?';

    /// <summary>
    /// What a refusal must leave as it was: mappings, every byte of code and constants, descriptors, threads, signal masks.
    /// </summary>
    public string Fingerprint()
    {
        using TargetProcess target = TargetProcess.Open(Id);
        var text = new StringBuilder();
        foreach (MemoryRegion region in target.Map.Regions)
        {
            // The heap and the stack may grow by themselves.
            bool isPrivate = region.Path is "[heap]" or "[stack]";
            text.Append(isPrivate ? region.Path : region.ToString());
            if (!region.Access.HasFlag(MemoryAccess.Write) && !region.Path.StartsWith("[v", StringComparison.Ordinal))
            {
                byte[] content = new byte[region.Size];
                int read = target.Memory.Read(region.Start, content);
                text.Append(' ').Append(Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(content.AsSpan(0, read))));
            }
            text.Append('\n');
        }
        foreach (string descriptor in Directory.GetFileSystemEntries($"/proc/{Id}/fd").Order()) text.Append(descriptor).Append('\n');
        foreach (string thread in Directory.GetDirectories($"/proc/{Id}/task").Order())
        {
            text.Append(thread).Append('\n');
            foreach (string line in File.ReadLines(thread + "/status"))
                if (line.StartsWith("SigBlk", StringComparison.Ordinal) || line.StartsWith("TracerPid", StringComparison.Ordinal)) text.Append(line).Append('\n');
        }
        return text.ToString();
    }

    /// <summary>The fingerprint of a program that has done with starting: its threads are made, its masks are set.</summary>
    public string SettledFingerprint()
    {
        for (string last = Fingerprint(); ;)
        {
            Thread.Sleep(20);
            string now = Fingerprint();
            if (now == last) return now;
            last = now;
        }
    }

    public void Dispose()
    {
        if (!_process.HasExited) Signal("KILL");
        _process.WaitForExit();
        _process.Dispose();
    }
}
