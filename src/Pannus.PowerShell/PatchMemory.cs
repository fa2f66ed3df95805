namespace Pannus.PowerShell;

/// <summary>Bytes of a target's memory. Flat, so that it survives remoting and binds to the next cmdlet.</summary>
/// <param name="Id">Process id of the target.</param>
/// <param name="StartTicks">Start time of the target in clock ticks after boot.</param>
/// <param name="Address">Address of the first byte.</param>
/// <param name="Bytes">The bytes.</param>
public sealed record PatchMemory(int Id, ulong StartTicks, ulong Address, byte[] Bytes)
{
    /// <summary>The bytes in lower-case hexadecimal digits, as command files have them.</summary>
    public string Hex => DisplayText.Hex(Bytes);

    /// <summary>The bytes as text; a dot stands for whatever is not printable ASCII.</summary>
    public string Ascii => string.Concat(Bytes.Select(b => b is >= 0x20 and < 0x7f ? (char)b : '.'));
}
