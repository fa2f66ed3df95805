using System.Diagnostics;
using System.Globalization;
using BenchmarkDotNet.Attributes;
using Pannus.Core;
using Pannus.Linux;
using Pannus.Machines;
using Pannus.Planning;
using Pannus.Symbols;
using Pannus.Targets;
using Pannus.Unwinding;

namespace Pannus.Benchmarks;

/// <summary>A program of the bench, started for one benchmark.</summary>
public abstract class OnTarget(string program, params string[] arguments)
{
    private Process? _process;

    private protected TargetProcess Target { get; private set; } = null!;

    private protected string File { get; } = Path.Combine(Environment.GetEnvironmentVariable("PANNUS_BENCH") ?? ".", program);

    [GlobalSetup]
    public void Start()
    {
        _process = Process.Start(new ProcessStartInfo(File, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        Thread.Sleep(200);
        Target = TargetProcess.Open(_process.Id);
        Prepare();
    }

    [GlobalCleanup]
    public void Stop()
    {
        Target.Dispose();
        _process!.Kill();
        _process.WaitForExit();
    }

    private protected virtual void Prepare()
    {
    }
}

/// <summary>Names to addresses in a program of a million symbols, which is another file each first time.</summary>
public class Resolving() : OnTarget("million")
{
    private readonly string[] _names = [.. Enumerable.Range(0, 1000).Select(i => $"symbol_{i * 997:0000000}")];

    [Benchmark(Description = "one name, first time")]
    public ulong OneFirst() => First([_names[500]]);

    [Benchmark(Description = "1,000 names, first time")]
    public ulong AllFirst() => First(_names);

    [Benchmark(Description = "1,000 names, again")]
    public ulong AllAgain() => new SymbolResolver(Target).ResolveMany(_names)[^1].Address;

    private ulong First(string[] names)
    {
        System.IO.File.SetLastWriteTimeUtc(File, DateTime.UtcNow);
        using TargetProcess target = TargetProcess.Open(Target.Id);
        return new SymbolResolver(target).ResolveMany(names)[^1].Address;
    }
}

/// <summary>What is done for one function before the stop, and for one sleeping thread in it.</summary>
public class OneFunction() : OnTarget("hiccup", "1", "0")
{
    private ResolvedSymbol _function = null!;
    private StackSearch _stacks = null!;
    private LiveMap _map = null!;
    private FrameRegisters _registers;

    private protected override void Prepare()
    {
        _function = new SymbolResolver(Target).Resolve("func_J");
        TargetUnwinder unwinder = TargetUnwinder.Prepare(Target);
        _map = LiveMap.Open(Target);
        _map.Begin();
        _stacks = new StackSearch(unwinder, _map, new CodeRanges([new AddressRange(_function.Address, _function.Size)], [], Target.Memory), Target.Memory);
        // proc_pid_syscall(5): stack pointer and program counter of a thread that sleeps end the line.
        int sleeper = ProcFile.ThreadIds(Target.Id).Single(tid => tid != Target.Id);
        string[] call = System.IO.File.ReadAllText($"/proc/{sleeper}/syscall").TrimEnd().Split(' ');
        _registers = FrameRegisters.From(Parse(call[^1]), Parse(call[^2]), unwinder.Machine);

        static ulong Parse(string hex) => ulong.Parse(hex.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }

    [Benchmark(Description = "jump planned")]
    public int Plan() => new WritePlanner(Target).Jump(_function, _function.Address + 4096, "nowhere").Count();

    [Benchmark(Description = "stack of a sleeper unwound")]
    public int Unwind()
    {
        if (_stacks.Run(_registers) != SearchResult.Clear) throw new InvalidOperationException("The sleeper is not asleep.");
        return _stacks.FrameCount;
    }
}
