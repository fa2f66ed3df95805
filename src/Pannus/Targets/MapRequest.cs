using System.Text;
using Pannus.Core;

namespace Pannus.Targets;

/// <summary>One mapping of a patch: a stretch of its memfd at a fixed address with fixed rights.</summary>
/// <param name="Address">Page-aligned address in the target.</param>
/// <param name="Length">Length in bytes, a multiple of the page size.</param>
/// <param name="Offset">Offset in the memfd, in bytes.</param>
/// <param name="Access">Rights; never both writable and executable.</param>
internal readonly record struct MapSegment(ulong Address, ulong Length, ulong Offset, MemoryAccess Access);

/// <summary>What to map for one patch, all of it from one memfd.</summary>
/// <param name="Name">Name of the memfd, which <c>/proc/PID/maps</c> shows after <c>/memfd:</c>.</param>
/// <param name="Segments">The mappings, ascending by address, not overlapping.</param>
internal sealed record MapRequest(string Name, IReadOnlyList<MapSegment> Segments)
{
    private const int NameLimit = 249; // memfd_create(2), in bytes, without the final NUL.

    /// <summary>The name in bytes that the kernel takes.</summary>
    public string MemfdName
    {
        get
        {
            string name = Name;
            while (Encoding.UTF8.GetByteCount(name) > NameLimit) name = name[..^1];
            return name;
        }
    }

    /// <summary>Size of the memfd in bytes.</summary>
    public ulong FileSize => Segments.Max(s => s.Offset + s.Length);
}
