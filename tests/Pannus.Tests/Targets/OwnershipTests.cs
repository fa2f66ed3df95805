using Pannus.Core;
using Pannus.Fleet;
using Pannus.LivePatches;
using Pannus.Symbols;
using Pannus.Targets;
using Pannus.Tests.Support;
using Pannus.Tests.Symbols;
using Pannus.Unwinding;

namespace Pannus.Tests.Targets;

/// <summary>What is opened for a target is closed with it.</summary>
public sealed class OwnershipTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("pannus-").FullName;
    private readonly string _stripped, _debug, _other;

    public OwnershipTests()
    {
        string whole = SymbolResolverTests.Program("");
        _stripped = Path.Combine(_directory, "stripped");
        _debug = Path.Combine(_directory, "program.debug");
        _other = Path.Combine(_directory, "other.debug");
        Gcc.Run("strip", $"-o {_stripped} {whole}");
        Gcc.Run("objcopy", $"--only-keep-debug {whole} {_debug}");
        File.Copy(SymbolResolverTests.Program("-rdynamic -DOTHER"), _other);
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void Five_hundred_calls_leave_no_mapping_and_no_descriptor()
    {
        using var running = new SleepingProgram(_stripped);
        int id = running.Target.Id;
        Call(id);
        (int mappings, int descriptors) = Count();
        for (int i = 0; i < 500; i++) Call(id);
        Assert.Equal((mappings, descriptors), Count());
    }

    [Fact]
    public void A_target_that_stays_open_maps_each_of_its_files_once()
    {
        using var running = new SleepingProgram(_stripped);
        _ = running.Target.Modules;
        (int mappings, int descriptors) = Count();
        for (int i = 0; i < 50; i++)
        {
            running.Target.Refresh();
            Assert.NotEmpty(running.Target.Modules);
        }
        Assert.Equal((mappings, descriptors), Count());
    }

    private void Call(int id)
    {
        _ = TargetCatalog.Get(id);
        using TargetProcess target = TargetProcess.Open(id);
        Assert.Equal(SymbolSource.DebugFile, Resolver(target, _debug).Resolve("a.c:helper").Source);
        Assert.Equal(PatchErrorId.BuildIdMismatch, Assert.Throws<PatchException>(() => Resolver(target, _other).Resolve("helper")).Id);
        _ = TargetUnwinder.Prepare(target);
        Assert.Empty(LivePatchCatalog.Get(target));
    }

    private static SymbolResolver Resolver(TargetProcess target, string symbols) =>
        new(target, new ResolverOptions { SymbolFile = symbols });

    // Those of the target: its files, its memory, itself.
    private static (int Mappings, int Descriptors) Count()
    {
        static bool IsTargets(string name) => name.Contains("/pannus-") || name.Contains("/lib/") || name.Contains("libc.so")
            || name.StartsWith("/proc/", StringComparison.Ordinal) || name.Contains("pidfd");
        return (File.ReadLines("/proc/self/maps").Count(IsTargets),
            Directory.GetFiles("/proc/self/fd").Select(f => new FileInfo(f).LinkTarget).Count(l => l is not null && IsTargets(l)));
    }
}
