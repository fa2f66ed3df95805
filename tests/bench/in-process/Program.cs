using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Pannus.Benchmarks;

// One line for each benchmark, for in-process.ps1: what, bytes allocated, nanoseconds of each round.
IConfig config = ManualConfig.CreateEmpty()
    .AddJob(Job.Default.WithToolchain(InProcessEmitToolchain.Instance).WithWarmupCount(3).WithIterationCount(15))
    .AddDiagnoser(MemoryDiagnoser.Default)
    .AddColumnProvider(DefaultColumnProviders.Instance)
    .AddLogger(NullLogger.Instance)
    .WithArtifactsPath(Path.Combine(Environment.GetEnvironmentVariable("PANNUS_BENCH") ?? ".", "BenchmarkDotNet"));
int failed = 0;
foreach (Summary summary in BenchmarkRunner.Run([typeof(Resolving), typeof(OneFunction)], config))
{
    foreach (BenchmarkReport report in summary.Reports)
    {
        string what = report.BenchmarkCase.Descriptor.WorkloadMethodDisplayInfo.Trim('\'');
        if (report.ResultStatistics is not { } statistics) failed++;
        else Console.WriteLine(FormattableString.Invariant(
            $"{what}\t{report.GcStats.GetBytesAllocatedPerOperation(report.BenchmarkCase)}\t{string.Join(' ', statistics.OriginalValues.Select(v => FormattableString.Invariant($"{v:0.0}")))}"));
    }
}
return failed;
