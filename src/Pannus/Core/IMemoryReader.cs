namespace Pannus.Core;

/// <summary>Bytes by virtual address: a live process, or a file seen as if it were mapped.</summary>
public interface IMemoryReader
{
    /// <summary>
    /// Reads from <paramref name="address"/> on. Returns how many bytes could be read, which is fewer than asked for
    /// when an unmapped page follows, and 0 when nothing is there. Never throws for an address.
    /// </summary>
    int Read(ulong address, Span<byte> buffer);
}
