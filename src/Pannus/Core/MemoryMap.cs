using System.Globalization;

namespace Pannus.Core;

/// <summary>A snapshot of <c>/proc/PID/maps</c>, in ascending order of addresses.</summary>
internal sealed class MemoryMap
{
    private readonly MemoryRegion[] _regions;

    private MemoryMap(MemoryRegion[] regions) => _regions = regions;

    /// <summary>The mappings, lowest first.</summary>
    public IReadOnlyList<MemoryRegion> Regions => _regions;

    /// <summary>Parses the text of a maps file. Lines that are not of its form are left out.</summary>
    public static MemoryMap Parse(string text)
    {
        var regions = new List<MemoryRegion>();
        // Not by EnumerateLines, which knows other ends of lines, too: those may stand in a name.
        ReadOnlySpan<char> rest = text;
        while (!rest.IsEmpty)
        {
            int end = rest.IndexOf('\n');
            if (TryParse(end < 0 ? rest : rest[..end], out MemoryRegion region)) regions.Add(region);
            rest = end < 0 ? default : rest[(end + 1)..];
        }
        return new MemoryMap([.. regions]);
    }

    /// <summary>The map as it would be with more mappings, none of which overlaps another.</summary>
    internal MemoryMap With(IEnumerable<AddressRange> planned) =>
        new([.. _regions.Concat(planned.Select(r => new MemoryRegion(r.Start, r.End, MemoryAccess.None, 0, 0, 0, "")))
            .OrderBy(r => r.Start)]);

    /// <summary>The mapping that holds <paramref name="address"/>, or null.</summary>
    public MemoryRegion? Find(ulong address)
    {
        int low = 0, high = _regions.Length - 1;
        while (low <= high)
        {
            int middle = (low + high) / 2;
            ref readonly MemoryRegion region = ref _regions[middle];
            if (address < region.Start) high = middle - 1;
            else if (address >= region.End) low = middle + 1;
            else return region;
        }
        return null;
    }

    /// <summary>Whether all of [start, start + length) is mapped with at least this access.</summary>
    public bool Covers(ulong start, ulong length, MemoryAccess access)
    {
        ulong end = start + length;
        if (end < start) return false;
        while (start < end)
        {
            if (Find(start) is not { } region || (region.Access & access) != access) return false;
            start = region.End;
        }
        return true;
    }

    // "start-end perms offset major:minor inode   path"; the path may hold spaces.
    private static bool TryParse(ReadOnlySpan<char> line, out MemoryRegion region)
    {
        region = default;
        int dash = line.IndexOf('-');
        int space = line.IndexOf(' ');
        if (dash < 0 || space < dash || line.Length < space + 6) return false;
        if (!TryHex(line[..dash], out ulong start) || !TryHex(line[(dash + 1)..space], out ulong end)) return false;

        ReadOnlySpan<char> rights = line.Slice(space + 1, 4);
        MemoryAccess access = (rights[0] == 'r' ? MemoryAccess.Read : 0) | (rights[1] == 'w' ? MemoryAccess.Write : 0)
            | (rights[2] == 'x' ? MemoryAccess.Execute : 0) | (rights[3] == 's' ? MemoryAccess.Shared : 0);

        ReadOnlySpan<char> rest = line[(space + 6)..];
        if (!TryHex(NextField(ref rest), out ulong offset)) return false;
        ReadOnlySpan<char> device = NextField(ref rest);
        int colon = device.IndexOf(':');
        if (colon < 0 || !TryHex(device[..colon], out ulong major) || !TryHex(device[(colon + 1)..], out ulong minor))
            return false;
        if (!ulong.TryParse(NextField(ref rest), CultureInfo.InvariantCulture, out ulong inode)) return false;

        // dev_t as glibc's makedev(3) packs it.
        ulong number = (minor & 0xff) | ((major & 0xfff) << 8) | ((minor & ~0xfful) << 12) | ((major & ~0xffful) << 32);
        region = new MemoryRegion(start, end, access, offset, number, inode, rest.TrimStart(' ').ToString());
        return true;
    }

    private static ReadOnlySpan<char> NextField(ref ReadOnlySpan<char> rest)
    {
        int space = rest.IndexOf(' ');
        ReadOnlySpan<char> field = space < 0 ? rest : rest[..space];
        rest = space < 0 ? default : rest[(space + 1)..];
        return field;
    }

    private static bool TryHex(ReadOnlySpan<char> text, out ulong value) =>
        ulong.TryParse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out value);
}
