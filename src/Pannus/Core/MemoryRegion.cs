namespace Pannus.Core;

/// <summary>Access rights of a mapping, as in the second column of <c>/proc/PID/maps</c> (proc(5)).</summary>
[Flags]
internal enum MemoryAccess
{
    /// <summary>No access.</summary>
    None = 0,
    /// <summary>PROT_READ.</summary>
    Read = 1,
    /// <summary>PROT_WRITE.</summary>
    Write = 2,
    /// <summary>PROT_EXEC.</summary>
    Execute = 4,
    /// <summary>MAP_SHARED; otherwise the mapping is private.</summary>
    Shared = 8,
}

/// <summary>One line of <c>/proc/PID/maps</c>.</summary>
/// <param name="Start">First address.</param>
/// <param name="End">Address after the last.</param>
/// <param name="Access">Access rights.</param>
/// <param name="Offset">Offset in the file, in bytes.</param>
/// <param name="Device">Device number of the file, as in stat(2); 0 when there is none.</param>
/// <param name="Inode">Inode of the file; 0 when there is none.</param>
/// <param name="Path">Path as the kernel prints it, with " (deleted)" when it is; empty for anonymous memory.</param>
internal readonly record struct MemoryRegion(
    ulong Start, ulong End, MemoryAccess Access, ulong Offset, ulong Device, ulong Inode, string Path)
{
    /// <summary>Size in bytes.</summary>
    public ulong Size => End - Start;

    /// <summary>Whether <paramref name="address"/> lies inside.</summary>
    public bool Contains(ulong address) => address >= Start && address < End;
}
