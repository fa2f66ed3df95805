using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using Pannus.Core;
using Pannus.Linux;

namespace Pannus.Targets;

/// <summary>
/// Keeps two patchers out of one target. It is an abstract Unix socket (unix(7)) named for the target: it leaves nothing
/// behind when its owner dies, and whoever finds it taken can ask the kernel who holds it.
/// </summary>
internal sealed class TargetLock : IDisposable
{
    private const int SolSocket = 1, SoPeerCred = 17;
    private readonly Socket _socket;

    private TargetLock(Socket socket) => _socket = socket;

    /// <summary>Takes the lock. Error: <see cref="PatchErrorId.TargetBusy"/> when another holds it for the whole time.</summary>
    public static TargetLock Take(TargetProcess target, TimeSpan timeout, CancellationToken cancellation)
    {
        UnixDomainSocketEndPoint address = Address(target.Id, target.StartTicks);
        long start = Stopwatch.GetTimestamp();
        for (int wait = 1; ; wait = Math.Min(wait * 2, 50))
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                socket.Bind(address);
                socket.Listen(16);
                return new TargetLock(socket);
            }
            catch (SocketException e)
            {
                socket.Dispose();
                if (e.SocketErrorCode != SocketError.AddressAlreadyInUse)
                {
                    throw new PatchException(PatchErrorId.AccessDenied, $"The lock that keeps two patchers out of "
                        + $"{target.DisplayName} (an abstract Unix socket) could not be made: {e.Message}.", e);
                }
            }
            if (Stopwatch.GetElapsedTime(start) > timeout)
            {
                string who = Holder(address) is { } pid ? $"{ProcessStatus.TryRead(pid)?.Name ?? "process"} ({pid})" : "another process";
                throw new PatchException(PatchErrorId.TargetBusy,
                    $"{target.DisplayName} is being patched by {who}. Wait for it to finish and try again.");
            }
            if (cancellation.WaitHandle.WaitOne(wait))
                throw new PatchException(PatchErrorId.Interrupted, $"Interrupted. {target.DisplayName} was not touched.");
        }
    }

    /// <summary>Process id of the patcher that works on a target now; null when none does.</summary>
    public static int? HolderOf(int id, ulong startTicks) => Holder(Address(id, startTicks));

    public void Dispose() => _socket.Dispose();

    private static UnixDomainSocketEndPoint Address(int id, ulong startTicks) =>
        new(string.Create(CultureInfo.InvariantCulture, $"\0pannus/{id}/{startTicks}"));

    private static int? Holder(UnixDomainSocketEndPoint address)
    {
        try
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            socket.Connect(address);
            // struct ucred: pid, uid, gid.
            Span<byte> credentials = stackalloc byte[12];
            socket.GetRawSocketOption(SolSocket, SoPeerCred, credentials);
            return BitConverter.ToInt32(credentials);
        }
        catch (SocketException)
        {
            return null;
        }
    }
}
