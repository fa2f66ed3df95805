using System.Buffers.Binary;
using Pannus.Core;
using Pannus.Elf;
using Pannus.Machines;

namespace Pannus.Unwinding;

/// <summary>
/// The call frame information of one module: .eh_frame, and where in it to look for an address, by the table of
/// .eh_frame_hdr or, where there is none or it is damaged, by an index made here. All of it is a copy: nothing has to be
/// read from a file while a target is held. Any bytes may be given: what is not understood is not found.
/// </summary>
/// <remarks>Addresses are those of the file (<c>p_vaddr</c>).</remarks>
internal sealed class UnwindTable
{
    private const int HeaderEntrySize = 8, LargestSection = 1 << 28, ProofLength = 64;

    private readonly byte[] _section;
    private readonly ulong _address;
    private readonly UnwindMachine _machine;
    private readonly CallFrameProgram _program;
    private ulong[] _starts = [];
    private int[] _offsets = [];

    private UnwindTable(byte[] section, ulong address, UnwindMachine machine)
    {
        _section = section;
        _address = address;
        _machine = machine;
        _program = new CallFrameProgram(machine);
    }

    /// <summary>Number of functions that it knows.</summary>
    public int Count => _starts.Length;

    /// <summary>First address of the function of a number.</summary>
    public ulong StartOf(int index) => _starts[index];

    /// <summary>Whether the functions were found by .eh_frame_hdr.</summary>
    public bool HasHeader { get; private set; }

    /// <summary>The section, in which expressions lie.</summary>
    public ReadOnlySpan<byte> Section => _section;

    /// <summary>
    /// Bytes by which to see that this module, and not another, is still mapped: of .eh_frame_hdr, else of the ELF header.
    /// </summary>
    public byte[] Proof { get; private set; } = [];

    /// <summary>Where <see cref="Proof"/> lies.</summary>
    public ulong ProofAddress { get; private set; }

    /// <summary>
    /// Reads a module's table; null when it has none. Nothing is thrown for what is wrong in it.
    /// </summary>
    public static UnwindTable? Read(ElfImage image, UnwindMachine machine)
    {
        try
        {
            (ulong headerAddress, byte[] header) = FindHeader(image);
            ulong pointer = FrameAddress(header, headerAddress, machine, out int tableStart, out int count);
            if (FindSection(image, pointer) is not { } section) return null;
            var table = new UnwindTable(section.Bytes, section.Address, machine);
            if (count == 0 || !table.TryUseHeader(header.AsSpan(tableStart), headerAddress, count)) table.MakeIndex();
            table.TakeProof(image, headerAddress, header);
            return table.Count > 0 && table.Proof.Length > 0 ? table : null;
        }
        catch (PatchException)
        {
            return null;
        }
    }

    /// <summary>A table of what an index of a patch leads to; addresses are those in the target. Null when it is damaged.</summary>
    public static UnwindTable? FromIndex(byte[] section, ulong address, byte[] header, ulong headerAddress, UnwindMachine machine)
    {
        var table = new UnwindTable(section, address, machine);
        int count = (header.Length - FrameIndex.HeaderSize) / HeaderEntrySize;
        if (!table.TryUseHeader(header.AsSpan(FrameIndex.HeaderSize), headerAddress, count)) return null;
        (table.ProofAddress, table.Proof) = (headerAddress, header[..Math.Min(ProofLength, header.Length)]);
        return table;
    }

    /// <summary>Where a module's .eh_frame lies, by its own addresses; null when it has none.</summary>
    public static AddressRange? FramesOf(ElfImage image, UnwindMachine machine)
    {
        try
        {
            (ulong headerAddress, byte[] header) = FindHeader(image);
            return FindSection(image, FrameAddress(header, headerAddress, machine, out _, out _)) is { } section
                ? new AddressRange(section.Address, (ulong)section.Bytes.Length) : null;
        }
        catch (PatchException)
        {
            return null;
        }
    }

    /// <summary>Finds the entry of the function that an address is in.</summary>
    public bool TryFind(ulong address, out FrameEntry entry)
    {
        entry = default;
        int index = Array.BinarySearch(_starts, address);
        if (index < 0) index = ~index - 1;
        // A header that names another place than the entry itself is damaged.
        return index >= 0 && FrameEntry.TryRead(_section, _address, _offsets[index], _machine.WordSize, out entry, out _)
            && entry.Start == _starts[index] && entry.Contains(address);
    }

    /// <summary>Finds the row for an address.</summary>
    public bool TryFindRow(ulong address, ref FrameRow row) =>
        TryFind(address, out FrameEntry entry) && _program.TryRun(_section, _address, entry, address, ref row);

    private static (ulong Address, byte[] Bytes) FindHeader(ElfImage image)
    {
        foreach (ProgramHeader header in image.ProgramHeaders)
        {
            if (header.Type == ProgramHeaderType.GnuEhFrame && header.FileSize is > 0 and < LargestSection)
                return (header.VirtualAddress, image.VirtualSlice(header.VirtualAddress, header.FileSize, ".eh_frame_hdr").ToArray());
        }
        return (0, []);
    }

    // LSB Core, "The .eh_frame_hdr section". The table is usable in the one form that linkers write.
    private static ulong FrameAddress(byte[] header, ulong address, UnwindMachine machine, out int tableStart, out int count)
    {
        var cursor = new ByteCursor(header, 0, header.Length);
        byte version = cursor.Byte(), pointerEncoding = cursor.Byte(), countEncoding = cursor.Byte(), tableEncoding = cursor.Byte();
        ulong frame = EncodedPointer.Read(ref cursor, pointerEncoding, address + 4, address, machine.WordSize);
        bool isKnown = !cursor.IsBroken && version == 1;
        bool hasTable = isKnown && tableEncoding == EncodedPointer.TableOfHeader && countEncoding == EncodedPointer.Word;
        ulong entries = hasTable ? cursor.Word() : 0;
        tableStart = cursor.Position;
        bool fits = !cursor.IsBroken && entries <= (ulong)(header.Length - tableStart) / HeaderEntrySize;
        count = fits ? (int)entries : 0;
        return isKnown ? frame : 0;
    }

    // By its section header where there is one; else from where .eh_frame_hdr says to the end of the segment.
    private static (ulong Address, byte[] Bytes)? FindSection(ElfImage image, ulong pointer)
    {
        if (image.FindSection(".eh_frame") is { Size: > 0 and < LargestSection } section && section.Type != SectionType.NoBits
            && image.Type != ElfType.Rel)
        {
            return (section.Address, image.SectionData(section).ToArray());
        }
        if (pointer == 0) return null;
        foreach (ProgramHeader load in image.ProgramHeaders)
        {
            ulong inside = pointer - load.VirtualAddress;
            if (!load.IsLoad || inside >= load.FileSize || load.FileSize - inside > LargestSection) continue;
            return (pointer, image.VirtualSlice(pointer, load.FileSize - inside, ".eh_frame").ToArray());
        }
        return null;
    }

    private void TakeProof(ElfImage image, ulong headerAddress, byte[] header)
    {
        (ProofAddress, Proof) = (headerAddress, header[..Math.Min(ProofLength, header.Length)]);
        if (header.Length > 0 || image.ProgramHeaders.FirstOrDefault(p => p.IsLoad && p.Offset == 0) is not { } first) return;
        byte[] bytes = new byte[ProofLength];
        if (image.TryReadVirtual(first.VirtualAddress, bytes)) (ProofAddress, Proof) = (first.VirtualAddress, bytes);
    }

    private bool TryUseHeader(ReadOnlySpan<byte> table, ulong headerAddress, int count)
    {
        ulong[] starts = new ulong[count];
        int[] offsets = new int[count];
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> entry = table[(i * HeaderEntrySize)..];
            starts[i] = _machine.Word.Wrap(headerAddress + (ulong)BinaryPrimitives.ReadInt32LittleEndian(entry));
            ulong offset = _machine.Word.Wrap(headerAddress + (ulong)BinaryPrimitives.ReadInt32LittleEndian(entry[4..])) - _address;
            if (offset >= (ulong)_section.Length || (i > 0 && starts[i] < starts[i - 1])) return false;
            offsets[i] = (int)offset;
        }
        // One entry in a few shows whether header and section belong together; a lookup checks the one it uses.
        for (int i = 0; i < count; i += Math.Max(1, count / 16))
        {
            if (!FrameEntry.TryRead(_section, _address, offsets[i], _machine.WordSize, out FrameEntry found, out _) || found.Start != starts[i])
                return false;
        }
        (_starts, _offsets, HasHeader) = (starts, offsets, true);
        return true;
    }

    private void MakeIndex()
    {
        List<ulong> starts = [];
        List<int> offsets = [];
        for (int at = 0; at >= 0 && at < _section.Length;)
        {
            if (FrameEntry.TryRead(_section, _address, at, _machine.WordSize, out FrameEntry entry, out int next) && entry.Length > 0)
            {
                starts.Add(entry.Start);
                offsets.Add(at);
            }
            at = next;
        }
        (_starts, _offsets) = ([.. starts], [.. offsets]);
        Array.Sort(_starts, _offsets);
    }
}
