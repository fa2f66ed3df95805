using Pannus.Core;
using Pannus.Linux;

namespace Pannus.Targets;

/// <summary>
/// A target's memory map as it is while the target is held, read without allocating: /proc/PID/maps opened beforehand. It is
/// read once in a stop, and only when somebody asks for all of it, or asks a kernel before 6.11 for one mapping. Later ones
/// have an answer to that (PROCMAP_QUERY): the map of a process of a thousand threads takes a millisecond to read.
/// </summary>
internal sealed class LiveMap : IDisposable
{
    private readonly byte[] _text = new byte[64 << 10];
    private readonly Region[] _regions;
    private readonly Descriptor? _descriptor;
    private int _count;
    private bool _isRead, _isWhole, _hasNoQuery;

    private LiveMap(Descriptor? descriptor, int capacity)
    {
        _descriptor = descriptor;
        _regions = new Region[capacity];
    }

    /// <summary>A mapping: its bounds and rights.</summary>
    public readonly record struct Region(ulong Start, ulong End, MemoryAccess Access);

    /// <summary>The mappings, lowest first; none when the map could not be read whole.</summary>
    public ReadOnlySpan<Region> Regions
    {
        get
        {
            if (!_isRead) Read();
            return _isWhole ? _regions.AsSpan(0, _count) : default;
        }
    }

    /// <summary>Opens a target's map, with room for many more mappings than there are now.</summary>
    public static LiveMap Open(TargetProcess target) =>
        new(Descriptor.TryOpen($"/proc/{target.ViewId}/maps", OpenMode.Read), target.Map.Regions.Count * 2 + 1024);

    /// <summary>Tells that a new stop has begun.</summary>
    public void Begin() => _isRead = false;

    /// <summary>Finds the mapping that holds an address.</summary>
    public bool TryFind(ulong address, out Region found)
    {
        found = default;
        if (!_isRead && !_hasNoQuery)
        {
            if (_descriptor is null) return false;
            long result = MapQuery.TryFind(_descriptor, address, out ulong start, out ulong end, out MemoryAccess access);
            if (result == 0) found = new Region(start, end, access);
            if (result is 0 or -Errno.ENOENT) return result == 0;
            _hasNoQuery = result == -Errno.ENOTTY;
        }
        foreach (ref readonly Region region in Regions)
        {
            if (address - region.Start >= region.End - region.Start) continue;
            found = region;
            return true;
        }
        return false;
    }

    public void Dispose() => _descriptor?.Dispose();

    private void Read()
    {
        (_isRead, _isWhole, _count) = (true, false, 0);
        int kept = 0;
        for (long at = 0; ;)
        {
            long read = _descriptor?.ReadAt(at, _text.AsSpan(kept)) ?? -Errno.ENOENT;
            if (read == -Errno.EINTR) continue;
            if (read <= 0)
            {
                _isWhole = read == 0 && kept == 0 && _count > 0;
                return;
            }
            at += read;
            int length = kept + (int)read, from = 0;
            for (int end; (end = _text.AsSpan(from, length - from).IndexOf((byte)'\n')) >= 0; from += end + 1)
                if (!TryAdd(_text.AsSpan(from, end))) return;
            kept = length - from;
            // A line is shorter than a path and a few numbers; what fills the buffer is none.
            if (kept == _text.Length) return;
            _text.AsSpan(from, kept).CopyTo(_text);
        }
    }

    // "start-end perms ..."
    private bool TryAdd(ReadOnlySpan<byte> line)
    {
        int at = 0;
        ulong start = Hex(line, ref at);
        at++;
        ulong end = Hex(line, ref at);
        if (_count == _regions.Length || end <= start || line.Length < at + 5) return false;
        ReadOnlySpan<byte> rights = line.Slice(at + 1, 4);
        MemoryAccess access = (rights[0] == 'r' ? MemoryAccess.Read : 0) | (rights[1] == 'w' ? MemoryAccess.Write : 0)
            | (rights[2] == 'x' ? MemoryAccess.Execute : 0) | (rights[3] == 's' ? MemoryAccess.Shared : 0);
        _regions[_count++] = new Region(start, end, access);
        return true;
    }

    private static ulong Hex(ReadOnlySpan<byte> line, ref int at)
    {
        ulong value = 0;
        for (; at < line.Length; at++)
        {
            int digit = line[at] is >= (byte)'0' and <= (byte)'9' ? line[at] - '0' : line[at] is >= (byte)'a' and <= (byte)'f' ? line[at] - 'a' + 10 : -1;
            if (digit < 0) break;
            value = value << 4 | (uint)digit;
        }
        return value;
    }
}
