using System.Runtime.InteropServices;
using Pannus.Core;

namespace Pannus.Linux;

/// <summary><c>struct procmap_query</c> (linux/fs.h, since Linux 6.11): one mapping of a process, by an address in it.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct MapQuery
{
    /// <summary>PROCMAP_QUERY: _IOWR('f', 17, struct procmap_query).</summary>
    public const long Request = 0xc068_6611;

    // The rights have the bits of MemoryAccess.
    public ulong Size, Flags, Address, Start, End, Access, PageSize, Offset, Inode;
    public uint Major, Minor, NameSize, BuildIdSize;
    public ulong Name, BuildId;

    /// <summary>
    /// Asks a descriptor of /proc/PID/maps. Returns 0; -ENOENT when nothing is mapped there; -ENOTTY on a kernel that has no
    /// such request.
    /// </summary>
    public static unsafe long TryFind(Descriptor maps, ulong address, out ulong start, out ulong end, out MemoryAccess access)
    {
        var query = new MapQuery { Size = (ulong)sizeof(MapQuery), Address = address };
        long result = Syscall.Call(Syscall.Ioctl, maps.Number, Request, (long)&query);
        (start, end, access) = (query.Start, query.End, (MemoryAccess)query.Access);
        return result;
    }
}
