using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Pannus.Fleet;
using Pannus.Images;
using Pannus.LivePatches;
using Pannus.Targets;
using Pannus.Tests.Support;

namespace Pannus.Tests.Live;

/// <summary>Debian's own servers, patched under load: no request fails and no process is restarted.</summary>
public sealed class SoftwareTests
{
    [Fact]
    public async Task Every_worker_of_nginx_sends_another_header_while_wrk_loads_it()
    {
        string patches = Build("nginx");
        int port = FreePort(), master = Start("nginx", port);
        try
        {
            string url = $"http://127.0.0.1:{port}/index.html";
            using var http = new HttpClient(new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.Zero });
            Assert.False((await http.GetAsync(url)).Headers.Contains("X-Patched"));
            int[] workers = Children(master);
            Assert.Equal(4, workers.Length);

            using Process wrk = Process.Start(new ProcessStartInfo("wrk", ["-t1", "-c16", "-d6s", "--latency", url]) { RedirectStandardOutput = true })!;
            await Task.Delay(1500);
            foreach (int worker in workers)
                Assert.Equal(LivePatchStatus.Applied, Apply(worker, Path.Combine(patches, "header.so")).Status);
            // 40 new connections: each goes to the worker that takes it first.
            for (int i = 0; i < 40; i++)
                Assert.Equal(["pannus"], (await http.GetAsync(url)).Headers.GetValues("X-Patched"));
            string report = await wrk.StandardOutput.ReadToEndAsync();
            await wrk.WaitForExitAsync();
            Assert.Matches(@"\d+ requests in", report);
            Assert.DoesNotContain("Socket errors", report);
            Assert.DoesNotContain("Non-2xx", report);
            Assert.Equal(workers, Children(master));
        }
        finally
        {
            Built.Run("kill", "-QUIT", $"{master}");
        }
    }

    [Fact]
    public async Task Redis_answers_PING_otherwise_while_redis_benchmark_loads_it()
    {
        string patches = Build("redis");
        int port = FreePort(), id = Start("redis", port);
        try
        {
            Assert.Equal("PONG", Ping(port));
            ulong ticks = TargetCatalog.Get(id).StartTicks;
            using Process load = Process.Start(new ProcessStartInfo(
                "redis-benchmark", ["-p", $"{port}", "-t", "set,get,incr,lpush", "-n", "300000", "-c", "20", "-q"])
            { RedirectStandardOutput = true, RedirectStandardError = true })!;
            await Task.Delay(1000);
            Assert.Equal(LivePatchStatus.Applied, Apply(id, Path.Combine(patches, "ping.so")).Status);
            Assert.NotEqual("PONG", Ping(port));
            string report = await load.StandardOutput.ReadToEndAsync(), problems = await load.StandardError.ReadToEndAsync();
            await load.WaitForExitAsync();
            Assert.Equal((0, ""), (load.ExitCode, problems));
            Assert.Contains("LPUSH", report);
            Assert.Equal(ticks, TargetCatalog.Get(id).StartTicks);
        }
        finally
        {
            Built.Run("redis-cli", "-p", $"{port}", "shutdown", "nosave");
        }
    }

    private static string Ping(int port) => Built.Run("redis-cli", "-p", $"{port}", "ping").Trim();

    private static LivePatchResult Apply(int id, string patch)
    {
        using TargetProcess target = TargetProcess.Open(id);
        using PatchFile file = PatchFile.Open(patch);
        return LivePatch.Apply(target, new LivePatchRequest { Patch = file, Commands = CommandFile.Read(Path.ChangeExtension(patch, ".cmd")) });
    }

    private static string Build(string name)
    {
        string output = Path.Combine(Built.Repository, "bin/tests/software", name);
        Built.Run("make", "-s", "-C", Path.Combine(Built.Repository, "tests/software", name), "OUT=" + output);
        return output;
    }

    // The server's files lie where its workers, which run as another user, can reach them.
    private static int Start(string name, int port)
    {
        string directory = Directory.CreateTempSubdirectory("pannus-" + name).FullName;
        string id = Built.Run(Path.Combine(Built.Repository, "tests/software", name, "start"), directory, $"{port}");
        return int.Parse(id, CultureInfo.InvariantCulture);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static int[] Children(int id) =>
        [.. File.ReadAllText($"/proc/{id}/task/{id}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse).Order()];
}
