using Pannus.Controller;
using Pannus.Loader;
using Pannus.Resolver;
using Pannus.Target;
using Pannus.Tests.Support;

namespace Pannus.Tests.Live;

/// <summary>Threads that sleep in the kernel while their process is stopped and lent from do not notice.</summary>
public sealed class BlockedCallTests
{
    [Fact]
    public void No_blocked_call_fails_with_EINTR_or_returns_early()
    {
        const int timeout = 2000;
        using TargetProgram program = TargetProgram.Start(Built.Target("blocked", "CFLAGS=-O2"), $"{timeout}");
        _ = program.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal));
        using PatchFile patch = PatchFile.Open(Gcc.Compile("int nothing;", "-shared -fPIC", "nothing.so"));
        string mask = File.ReadAllLines($"/proc/{program.Id}/status").Single(l => l.StartsWith("SigBlk", StringComparison.Ordinal));
        for (int round = 0; round < 10; round++)
        {
            using TargetProcess target = TargetProcess.Open(program.Id);
            PatchModule module = PatchLoader.Mount(target, patch, new ResolverOptions(), BackendKind.Auto, TimeSpan.FromSeconds(3));
            _ = PatchLoader.Dismount(target, module.Name, module.Address, BackendKind.Auto, TimeSpan.FromSeconds(3), force: false);
            Assert.Contains(mask, File.ReadAllLines($"/proc/{program.Id}/status"));
        }

        List<string[]> ends = [];
        while (program.TryNextLine() is { } line) ends.Add(line.Split(' '));
        Assert.True(ends.Count > 20, $"{ends.Count} calls");
        Assert.All(ends, end =>
        {
            Assert.Equal("ok", end[1]);
            // A call is woken, or its time is over, about then; one that is issued again begins its time anew.
            Assert.True(int.Parse(end[2]) >= timeout - 150, string.Join(' ', end));
        });
    }
}
