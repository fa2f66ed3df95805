namespace Pannus.Core;

/// <summary>A stretch of addresses.</summary>
/// <param name="Start">First address.</param>
/// <param name="Length">Length in bytes.</param>
public readonly record struct AddressRange(ulong Start, ulong Length)
{
    /// <summary>Address after the last.</summary>
    public ulong End => Start + Length;

    /// <summary>Whether <paramref name="address"/> lies inside.</summary>
    public bool Contains(ulong address) => address - Start < Length;

    /// <summary>Whether the two share an address.</summary>
    public bool Overlaps(AddressRange other) => Start < other.End && other.Start < End;
}
