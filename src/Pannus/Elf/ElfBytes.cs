using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using Pannus.Core;
using Pannus.Linux;

namespace Pannus.Elf;

/// <summary>
/// The bytes of an ELF file, or of a module copied from a process. Every access is checked: whatever the file says, it
/// reads nothing outside and says which file was wrong.
/// </summary>
/// <remarks>
/// A file is read and not mapped: whoever may write it may make it shorter at any time, and a page of a mapping that has lost
/// its file is a SIGBUS. Its pieces are read into memory of our own when they are first looked at, and never again.
/// </remarks>
internal sealed unsafe class ElfBytes : IDisposable
{
    private const long LargestFile = 1L << 36, ReadAtOnce = 1 << 20, Large = 8 << 20;
    private const ulong MostRead = 1ul << 30;
    private const int ChunkShift = 16;

    private readonly byte* _start;
    private readonly byte[]? _array; // Pinned; null for a file.
    private readonly SafeFileHandle? _file;
    private readonly ulong[] _isRead = [];
    private ulong _read;
    private bool _isDisposed;

    private ElfBytes(byte* start, ulong length, byte[]? array, string name)
    {
        _start = start;
        Length = length;
        _array = array;
        Name = name;
    }

    private ElfBytes(byte* start, SafeFileHandle file, FileIdentity identity, string name)
        : this(start, (ulong)identity.Size, null, name)
    {
        _file = file;
        _isRead = new ulong[(Length >> ChunkShift >> 6) + 1];
        Identity = identity;
    }

    /// <summary>Name for messages.</summary>
    public string Name { get; }

    public ulong Length { get; }

    /// <summary>Which file it is; null for what was copied.</summary>
    public FileIdentity? Identity { get; }

    /// <summary>Opens a file, of which only what is looked at is read.</summary>
    public static ElfBytes Open(string path, string name)
    {
        SafeFileHandle file = RegularFile.OpenHandle(path, name, LargestFile, out FileIdentity identity);
        long error = 0;
        byte* start = identity.Size == 0 ? null : OwnMemory.TryAllocate(identity.Size, out error);
        // Large tables are read whole: a few large pages instead of thousands.
        if (identity.Size >= Large && start is not null) OwnMemory.PreferHugePages(start, identity.Size);
        if (start is not null) return new ElfBytes(start, file, identity, name);
        file.Dispose();
        if (error == 0) return FromArray([], name);
        throw new PatchException(PatchErrorId.PatchFileInvalid, $"{name}: no memory to read it: {Errno.Text(-error)}.");
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
        {
            throw Invalid($"{what} at offset 0x{offset:x}, {length} bytes, lies beyond the end of the file "
                + $"({Length} bytes)");
        }
        if (_file is not null && length > 0) Require(offset, offset + length);
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
        if (_file is null) return;
        _file.Dispose();
        OwnMemory.Unmap(_start, Length);
    }

    private void Require(ulong from, ulong to)
    {
        ulong chunk = from >> ChunkShift, last = (to - 1) >> ChunkShift;
        while (chunk <= last && IsRead(chunk)) chunk++;
        if (chunk > last) return;
        lock (_isRead)
        {
            while (chunk <= last)
            {
                ulong end = chunk;
                while (end <= last && !IsRead(end)) end++;
                if (end > chunk) ReadPieces(chunk << ChunkShift, Math.Min(end << ChunkShift, Length));
                for (; chunk < end; chunk++) _isRead[chunk >> 6] |= 1ul << (int)(chunk & 63);
                while (chunk <= last && IsRead(chunk)) chunk++;
            }
        }
    }

    private bool IsRead(ulong chunk) => (Volatile.Read(ref _isRead[chunk >> 6]) >> (int)(chunk & 63) & 1) != 0;

    private void ReadPieces(ulong from, ulong to)
    {
        // A file with holes may have any size, and its headers may ask for all of it.
        if ((_read += to - from) > MostRead) throw Invalid($"it takes more than {MostRead >> 30} GiB to read");
        while (from < to)
        {
            var piece = new Span<byte>(_start + from, (int)Math.Min(to - from, ReadAtOnce));
            long read = Descriptor.ReadAt((int)_file!.DangerousGetHandle(), (long)from, piece);
            if (read == -Errno.EINTR) continue;
            if (read < 0) throw Invalid($"cannot be read: {Errno.Text(-read)}");
            if (read == 0) throw Invalid("it has become shorter while it was read");
            from += (ulong)read;
        }
        // What was read before and what is read now would not belong together.
        FileIdentity? now = FileIdentity.Of((int)_file!.DangerousGetHandle());
        if (now?.Size != Identity!.Value.Size || now?.Modified != Identity.Value.Modified)
            throw Invalid("it has changed while it was read");
    }
}
