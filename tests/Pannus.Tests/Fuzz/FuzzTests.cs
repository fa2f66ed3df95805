using System.Diagnostics;
using System.Globalization;
using Pannus.Core;
using Pannus.Tests.Support;
using Pannus.Tests.Unwinding;
using Xunit.Abstractions;

namespace Pannus.Tests.Fuzz;

/// <summary>
/// Damaged files by the thousand: each is read or refused by a <see cref="PatchException"/>, soon and in little memory.
/// <c>./build.ps1 Fuzz</c> does a million and prints the figures; what fails it keeps in bin/fuzz, to be looked at alone.
/// </summary>
public sealed class FuzzTests(ITestOutputHelper output)
{
    // The largest image that a patch may have, and what is made of it on the way.
    private const long MostMemory = 5L << 28;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10), s_hang = TimeSpan.FromSeconds(60);
    private static readonly int s_inputs = int.Parse(
        Environment.GetEnvironmentVariable("PANNUS_FUZZ_INPUTS") ?? "16000", CultureInfo.InvariantCulture);

    [Theory]
    [InlineData("elf", 0.4)]
    [InlineData("patch", 0.2)]
    [InlineData("map", 0.2)]
    [InlineData("commands", 0.2)]
    public void Reads_or_refuses_damaged_files(string name, double share)
    {
        FuzzSubject subject = FuzzSubjects.All[name];
        byte[][] seeds = subject.Seeds();
        Assert.All(seeds, subject.Read);
        int inputs = (int)(s_inputs * share), refused = 0, at = 0;
        long most = 0;
        TimeSpan longest = default;
        List<string> failures = [];
        var clock = Stopwatch.StartNew();
        long progress = clock.ElapsedMilliseconds;
        using var watch = new Timer(_ =>
        {
            if (clock.ElapsedMilliseconds - Volatile.Read(ref progress) > s_hang.TotalMilliseconds)
                Environment.FailFast($"fuzz: {name} hangs at input {at}");
        }, null, s_hang, s_hang);
        for (; at < inputs; at++)
        {
            byte[] bytes = Mutator.Next(seeds, at);
            long before = GC.GetAllocatedBytesForCurrentThread();
            TimeSpan start = clock.Elapsed;
            string failure = "";
            try
            {
                subject.Read(bytes);
            }
            catch (PatchException e) when (subject.Errors.Contains(e.Id))
            {
                refused++;
            }
            catch (Exception e)
            {
                failure = e.ToString();
            }
            TimeSpan took = clock.Elapsed - start;
            long memory = GC.GetAllocatedBytesForCurrentThread() - before;
            if (took > s_patience) failure += $" took {took}";
            if (memory > MostMemory) failure += $" took {memory >> 20} MiB";
            if (failure.Length > 0) Keep(name, at, bytes, failure, failures);
            (most, longest) = (Math.Max(most, memory), took > longest ? took : longest);
            Volatile.Write(ref progress, clock.ElapsedMilliseconds);
        }
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"fuzz {name}: {inputs} inputs, {inputs / clock.Elapsed.TotalSeconds:0} a second, {refused} refused, {failures.Count} failures, "
            + $"the longest {longest.TotalMilliseconds:0} ms, the most memory for one {most >> 10} KiB, "
            + $"the process's peak {Process.GetCurrentProcess().PeakWorkingSet64 >> 20} MiB"));
        Assert.Empty(failures);
        // Otherwise the damage would never have reached what is checked, or never have passed it.
        Assert.InRange(refused, inputs / 100, inputs - inputs / 100);
    }

    [Fact]
    public void Unwinds_by_damaged_tables_or_does_not()
    {
        var clock = Stopwatch.StartNew();
        string report = UnwindFuzz.Run((int)(s_inputs * 0.2), seed: 1);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"fuzz unwind: {report}, in {clock.Elapsed.TotalSeconds:0} s"));
        Assert.DoesNotContain(" 0 steps", report);
    }

    private static void Keep(string name, int number, byte[] bytes, string failure, List<string> failures)
    {
        string directory = Path.Combine(Built.Repository, "bin/fuzz");
        Directory.CreateDirectory(directory);
        if (failures.Count < 20) File.WriteAllBytes(Path.Combine(directory, $"{name}-{number}"), bytes);
        failures.Add($"{name} {number}: {(failures.Count < 20 ? failure : "")}");
    }
}
