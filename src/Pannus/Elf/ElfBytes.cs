using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using Pannus.Core;
using Pannus.Linux;

namespace Pannus.Elf;

/// <summary>
/// The bytes of an ELF file, or of a module copied from a process. Every access is checked: whatever the file says, it
/// reads nothing outside and says which file was wrong.
/// </summary>
internal sealed unsafe class ElfBytes : IDisposable
{
    private const long ProtRead = 1, MapPrivate = 2;

    private readonly byte* _start;
    private readonly byte[]? _array; // Pinned; null when a file is mapped.
    private bool _isDisposed;

    private ElfBytes(byte* start, ulong length, byte[]? array, string name)
    {
        _start = start;
        Length = length;
        _array = array;
        Name = name;
    }

    /// <summary>Name for messages.</summary>
    public string Name { get; }

    public ulong Length { get; }

    /// <summary>Which file is mapped; null for what was copied.</summary>
    public FileIdentity? Identity { get; private init; }

    /// <summary>Maps a file: nothing is copied, and only what is looked at is read.</summary>
    public static ElfBytes Map(string path, string name)
    {
        using SafeFileHandle file = RegularFile.OpenHandle(path, name, long.MaxValue, out FileIdentity identity);
        if (identity.Size == 0) return FromArray([], name);
        long start = Syscall.Call(Syscall.Mmap, 0, identity.Size, ProtRead, MapPrivate, file.DangerousGetHandle());
        if (start is < 0 and > -4096) throw new PatchException(PatchErrorId.PatchFileNotFound, $"{name}: {Errno.Text(-start)}.");
        return new ElfBytes((byte*)start, (ulong)identity.Size, null, name) { Identity = identity };
    }

    public static ElfBytes FromArray(byte[] data, string name)
    {
        byte[] pinned = GC.AllocateUninitializedArray<byte>(data.Length, pinned: true);
        data.CopyTo(pinned, 0);
        fixed (byte* start = pinned) return new ElfBytes(start, (ulong)data.Length, pinned, name);
    }

    public bool Holds(ulong offset, ulong length) => offset <= Length && length <= Length - offset;

    /// <summary>A stretch of the bytes. Error: <see cref="PatchErrorId.PatchFileInvalid"/> when it isn't all there.</summary>
    public ReadOnlySpan<byte> Slice(ulong offset, ulong length, string what)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (!Holds(offset, length) || length > int.MaxValue)
            throw Invalid($"{what} at offset 0x{offset:x}, {length} bytes, lies beyond the end of the file ({Length} bytes)");
        return new ReadOnlySpan<byte>(_start + offset, (int)length);
    }

    public ushort Half(ulong offset) => BinaryPrimitives.ReadUInt16LittleEndian(Slice(offset, 2, "a header"));

    public uint Word(ulong offset) => BinaryPrimitives.ReadUInt32LittleEndian(Slice(offset, 4, "a header"));

    public ulong Xword(ulong offset) => BinaryPrimitives.ReadUInt64LittleEndian(Slice(offset, 8, "a header"));

    public PatchException Invalid(string what) => new(PatchErrorId.PatchFileInvalid, $"{Name}: {what}.");

    public void Dispose()
    {
        if (_isDisposed) return;
        _isDisposed = true;
        if (_array is null) _ = Syscall.Call(Syscall.Munmap, (long)_start, (long)Length);
    }
}
