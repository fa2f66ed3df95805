namespace Pannus.Core;

/// <summary>Memory that can be written as well.</summary>
internal interface IMemory : IMemoryReader
{
    /// <summary>Writes memory, also over read-only code; returns the number of bytes written. Never throws for an address.</summary>
    int Write(ulong address, ReadOnlySpan<byte> data);
}
