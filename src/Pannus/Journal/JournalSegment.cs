using System.Buffers.Binary;
using System.Security.Cryptography;
using Pannus.Core;
using Pannus.Linux;

namespace Pannus.Journal;

/// <summary>
/// The memory of a target in which the record of one patch lies: a read-only private mapping of the patch's own memfd,
/// behind its image. So the record comes, is listed, is inherited by a forked child and goes with the patch itself.
/// </summary>
/// <remarks>
/// Layout, in bytes: 0 magic (8), 8 version (4), 12 slot size (4), 16 state word (8); at 64 and at 64 + slot size a slot
/// each: SHA-256 of what follows (32), length (4), the record.
/// A write of a few bytes within a page is the only thing that SIGKILL of the writer can't cut in two. So the state is one
/// word, written alone; it also says which slot holds, and a changed record goes into the other one first. The upper half
/// of the word is the complement of the lower half, by which a reader knows a word from chance.
/// </remarks>
/// <param name="Address">First address, page-aligned.</param>
/// <param name="Size">Size in bytes, whole pages.</param>
internal sealed record JournalSegment(ulong Address, ulong Size)
{
    private const int HeaderSize = 64, StateOffset = 16, SlotHeader = 36, MostTries = 5;

    private static ReadOnlySpan<byte> Magic => "PANNUS\u0001J"u8;

    /// <summary>Bytes of memory that a record needs, whole pages.</summary>
    public static ulong SizeOf(byte[] record) =>
        Page.Up((ulong)HeaderSize + 2 * (ulong)SlotSize(record));

    /// <summary>What to fill the segment with, without its header: as long as that is missing there is no record.</summary>
    public static byte[] Slots(byte[] record)
    {
        byte[] slots = new byte[HeaderSize + SlotSize(record)];
        WriteSlot(slots.AsSpan(HeaderSize), record);
        return slots;
    }

    /// <summary>Writes the header, and with it the first state.</summary>
    public void Begin(ProcessMemory memory, byte[] record, JournalState state)
    {
        byte[] header = new byte[StateOffset + 8];
        Magic.CopyTo(header);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(8), JournalFormat.Version);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(12), SlotSize(record));
        BinaryPrimitives.WriteUInt64LittleEndian(header.AsSpan(StateOffset), StateWord(state, slot: 0));
        Put(memory, Address, header);
    }

    /// <summary>Changes the state. Error: <see cref="PatchErrorId.JournalDamaged"/>.</summary>
    public void SetState(ProcessMemory memory, JournalState state)
    {
        (_, int slot, _) = ReadHeaderToChange(memory);
        Put(memory, Address + StateOffset, BitConverter.GetBytes(StateWord(state, slot)));
    }

    /// <summary>Changes the state if that can be done: for those who are reporting another failure already.</summary>
    public void TrySetState(ProcessMemory memory, JournalState state) => Try(() => SetState(memory, state));

    /// <summary>
    /// Replaces the record by one of the same length, if that can be done: for those who have changed the target already.
    /// </summary>
    public void TryReplace(ProcessMemory memory, byte[] record) => Try(() => Replace(memory, record));

    private void Replace(ProcessMemory memory, byte[] record)
    {
        (JournalState state, int slot, int slotSize) = ReadHeaderToChange(memory);
        if (SlotSize(record) != slotSize) throw Damaged("its length is another one");
        byte[] bytes = new byte[slotSize];
        WriteSlot(bytes, record);
        slot ^= 1;
        Put(memory, Address + (ulong)(HeaderSize + slot * slotSize), bytes);
        Put(memory, Address + StateOffset, BitConverter.GetBytes(StateWord(state, slot)));
    }

    /// <summary>
    /// Reads state and record; no record in <see cref="JournalState.None"/>. Throws <see cref="InvalidDataException"/> for
    /// what is none. What is read is taken from <paramref name="budget"/>, as anybody can make records of any number and size.
    /// </summary>
    public (JournalState State, JournalRecord? Record) Read(IMemoryReader memory, int id, ref long budget)
    {
        byte[]? before = null;
        for (int tries = 1; ; tries++)
        {
            (JournalState state, int slot, int slotSize) = ReadHeader(memory);
            if (state == JournalState.None) return (state, null);
            if ((budget -= slotSize) < 0) throw new InvalidDataException("the records of its process are larger than any that is read");
            byte[] bytes = new byte[slotSize];
            bool isRead = memory.Read(Address + (ulong)(HeaderSize + slot * slotSize), bytes) == slotSize;
            int length = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(32));
            // What a patcher does not change between two looks will not come right in a third.
            if (before is not null && before.AsSpan().SequenceEqual(bytes)) throw new InvalidDataException("its checksum is wrong");
            before = bytes;
            bool isWhole = isRead && length >= 0 && length <= slotSize - SlotHeader
                && SHA256.HashData(bytes.AsSpan(32, 4 + length)).AsSpan().SequenceEqual(bytes.AsSpan(0, 32));
            if (isWhole) return (state, JournalFormat.Decode(bytes.AsSpan(SlotHeader, length), id));
            // A patcher may have changed it between the two reads.
            if (tries == MostTries) throw new InvalidDataException("its checksum is wrong");
        }
    }

    private (JournalState State, int Slot, int SlotSize) ReadHeader(IMemoryReader memory)
    {
        Span<byte> header = stackalloc byte[StateOffset + 8];
        if (memory.Read(Address, header) != header.Length) throw new InvalidDataException("it cannot be read");
        if (!header.ContainsAnyExcept((byte)0)) return (JournalState.None, 0, 0);
        if (!header[..8].SequenceEqual(Magic)) throw new InvalidDataException("it is no record of Pannus");
        uint version = BinaryPrimitives.ReadUInt32LittleEndian(header[8..]);
        if (version != JournalFormat.Version)
            throw new InvalidDataException($"its format is version {version}, and this Pannus knows version {JournalFormat.Version}");
        int slotSize = BinaryPrimitives.ReadInt32LittleEndian(header[12..]);
        if (slotSize < SlotHeader || slotSize > JournalFormat.LongestRecord + Page.Size || (ulong)HeaderSize + 2 * (ulong)slotSize > Size)
            throw new InvalidDataException("its size is wrong");
        ulong word = BinaryPrimitives.ReadUInt64LittleEndian(header[StateOffset..]);
        var state = (JournalState)(byte)word;
        int slot = (int)(word >> 8 & 0xff);
        if (slot > 1 || state is JournalState.None or > JournalState.Retained || word != StateWord(state, slot))
            throw new InvalidDataException("its state is none");
        return (state, slot, slotSize);
    }

    private static void Try(Action write)
    {
        try
        {
            write();
        }
        catch (PatchException)
        {
            // The target is gone, or writes over its own record.
        }
    }

    // It was read and right a moment ago.
    private (JournalState State, int Slot, int SlotSize) ReadHeaderToChange(IMemoryReader memory)
    {
        try
        {
            var header = ReadHeader(memory);
            return header.State != JournalState.None ? header : throw Damaged("it is empty");
        }
        catch (InvalidDataException e)
        {
            throw Damaged(e.Message);
        }
    }

    private PatchException Damaged(string what) => new(PatchErrorId.JournalDamaged,
        $"The record at 0x{Address:x} has changed while it was worked on: {what}. Something in the target writes over it.");

    private static ulong StateWord(JournalState state, int slot)
    {
        uint low = (uint)state | (uint)slot << 8;
        return low | (ulong)~low << 32;
    }

    private static int SlotSize(byte[] record) => (SlotHeader + record.Length + 7) & ~7;

    private static void WriteSlot(Span<byte> slot, byte[] record)
    {
        BinaryPrimitives.WriteInt32LittleEndian(slot[32..], record.Length);
        record.CopyTo(slot[SlotHeader..]);
        SHA256.HashData(slot.Slice(32, 4 + record.Length), slot);
    }

    private static void Put(ProcessMemory memory, ulong address, ReadOnlySpan<byte> bytes)
    {
        if (memory.Write(address, bytes) == bytes.Length) return;
        throw new PatchException(PatchErrorId.MemoryInaccessible, $"The record of a patch at 0x{address:x} could not be written.");
    }
}
