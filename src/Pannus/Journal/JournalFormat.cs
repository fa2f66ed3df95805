using System.Buffers.Binary;
using System.Text;
using Pannus.Core;

namespace Pannus.Journal;

/// <summary>
/// A record as bytes. Integers are little-endian; a text is its length in bytes as 32 bits and then UTF-8; a list is its
/// number of items as 32 bits and then the items.
/// </summary>
internal static class JournalFormat
{
    /// <summary>Version of the format. A reader refuses all others.</summary>
    public const uint Version = 1;

    /// <summary>Longest record that is read or written, in bytes.</summary>
    public const int LongestRecord = 16 << 20;

    private const int LongestText = 4096, MostItems = 1 << 16;

    public static byte[] Encode(JournalRecord record)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        writer.Write(record.Sequence);
        writer.Write(record.AppliedAt.Ticks);
        foreach (string text in (string[])[record.LivePatchId, record.Patch, record.Path, record.Sha256, record.BuildId, record.By])
            Write(writer, text);
        Write(writer, record.Requires, text => Write(writer, text));
        Write(writer, record.Replaces, text => Write(writer, text));
        Write(writer, record.Modules, module =>
        {
            Write(writer, module.Name);
            Write(writer, module.BuildId);
            writer.Write(module.LoadBias);
        });
        Write(writer, record.Writes, write => Write(writer, write));
        writer.Flush();
        if (stream.Length > LongestRecord)
        {
            throw new PatchException(PatchErrorId.CommandInvalid,
                $"{record.Patch} overwrites so much that its record would take {stream.Length >> 20} MiB, and {LongestRecord >> 20} is "
                + "the most. Make several patches of it.");
        }
        return stream.ToArray();
    }

    /// <summary>
    /// Reads a record of the process <paramref name="id"/>. Throws <see cref="InvalidDataException"/> for what is none: it
    /// reads nothing outside <paramref name="data"/> and makes nothing larger than it.
    /// </summary>
    public static JournalRecord Decode(ReadOnlySpan<byte> data, int id)
    {
        var reader = new Reader(data);
        ulong sequence = reader.UInt64();
        long ticks = (long)reader.UInt64();
        if (ticks < 0 || ticks > DateTime.MaxValue.Ticks) throw new InvalidDataException("a time that there is not");
        var record = new JournalRecord
        {
            Sequence = sequence,
            AppliedAt = new DateTime(ticks, DateTimeKind.Utc),
            LivePatchId = reader.Text(),
            Patch = reader.Text(),
            Path = reader.Text(),
            Sha256 = reader.Text(),
            BuildId = reader.Text(),
            By = reader.Text(),
            Requires = reader.Texts(),
            Replaces = reader.Texts(),
            Modules = reader.Modules(),
            Writes = reader.Writes(id),
        };
        return reader.IsAtEnd ? record : throw new InvalidDataException("bytes behind its end");
    }

    private static void Write<T>(BinaryWriter writer, IReadOnlyList<T> items, Action<T> write)
    {
        writer.Write(items.Count);
        foreach (T item in items) write(item);
    }

    private static void Write(BinaryWriter writer, string text)
    {
        // It will be shown in terminals, and the reader is as strict.
        byte[] bytes = Encoding.UTF8.GetBytes(TargetText.Clean(text));
        int length = Math.Min(bytes.Length, LongestText);
        while (length < bytes.Length && (bytes[length] & 0xc0) == 0x80) length--;
        writer.Write(length);
        writer.Write(bytes, 0, length);
    }

    private static void Write(BinaryWriter writer, PlannedWrite write)
    {
        writer.Write(Letter(write.Kind));
        writer.Write(write.Address);
        Write(writer, write.Symbol);
        Write(writer, write.Module);
        Write(writer, write.Destination);
        Write(writer, write.Function, range =>
        {
            writer.Write(range.Start);
            writer.Write(range.Length);
        });
        writer.Write(write.New.Length);
        writer.Write(write.Old);
        writer.Write(write.New);
    }

    private static byte Letter(PlannedWriteKind kind) => kind switch
    {
        PlannedWriteKind.Jump => (byte)'J',
        PlannedWriteKind.PaddingJump => (byte)'I',
        PlannedWriteKind.Variable => (byte)'V',
        PlannedWriteKind.Pointer => (byte)'P',
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };

    private static PlannedWriteKind Kind(byte letter) => letter switch
    {
        (byte)'J' => PlannedWriteKind.Jump,
        (byte)'I' => PlannedWriteKind.PaddingJump,
        (byte)'V' => PlannedWriteKind.Variable,
        (byte)'P' => PlannedWriteKind.Pointer,
        _ => throw new InvalidDataException("a write of an unknown kind"),
    };

    private ref struct Reader(ReadOnlySpan<byte> data)
    {
        private ReadOnlySpan<byte> _rest = data;

        public readonly bool IsAtEnd => _rest.IsEmpty;

        public ulong UInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

        public string Text()
        {
            ReadOnlySpan<byte> bytes = Take(Count(LongestText));
            string text = Encoding.UTF8.GetString(bytes);
            foreach (char c in text)
                if (char.IsControl(c)) throw new InvalidDataException("a control character in a name");
            return TargetText.Clean(text);
        }

        public string[] Texts()
        {
            string[] texts = new string[CountOf(4)];
            for (int i = 0; i < texts.Length; i++) texts[i] = Text();
            return texts;
        }

        public JournalModule[] Modules()
        {
            var modules = new JournalModule[CountOf(16)];
            for (int i = 0; i < modules.Length; i++) modules[i] = new JournalModule(Text(), Text(), UInt64());
            return modules;
        }

        public PlannedWrite[] Writes(int id)
        {
            var writes = new PlannedWrite[CountOf(37)];
            for (int i = 0; i < writes.Length; i++) writes[i] = Write(id);
            return writes;
        }

        private AddressRange[] Ranges()
        {
            var ranges = new AddressRange[CountOf(16)];
            for (int i = 0; i < ranges.Length; i++)
            {
                ranges[i] = new AddressRange(UInt64(), UInt64());
                if (ranges[i].End < ranges[i].Start) throw new InvalidDataException("a function beyond the last address");
            }
            return ranges;
        }

        private PlannedWrite Write(int id)
        {
            PlannedWriteKind kind = Kind(Take(1)[0]);
            ulong address = UInt64();
            string symbol = Text(), module = Text(), destination = Text();
            AddressRange[] function = Ranges();
            int length = Count(LongestRecord);
            if (length == 0 || address + (ulong)length < address)
                throw new InvalidDataException("a write of no bytes or beyond the last address");
            return new PlannedWrite
            {
                Id = id, Kind = kind, Symbol = symbol, Module = module, Destination = destination, Address = address,
                Function = function, Old = Take(length).ToArray(), New = Take(length).ToArray(),
            };
        }

        private int Count(int most)
        {
            uint count = BinaryPrimitives.ReadUInt32LittleEndian(Take(4));
            return count <= most ? (int)count : throw new InvalidDataException("a length that is too large");
        }

        // An item takes at least so many bytes: what is made is never larger than what was read.
        private int CountOf(int leastItem)
        {
            int count = Count(MostItems);
            return count <= _rest.Length / leastItem ? count : throw new InvalidDataException("more items than it has room for");
        }

        private ReadOnlySpan<byte> Take(int length)
        {
            if (length > _rest.Length) throw new InvalidDataException("an end before its end");
            ReadOnlySpan<byte> taken = _rest[..length];
            _rest = _rest[length..];
            return taken;
        }
    }
}
