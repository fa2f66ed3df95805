using System.Buffers.Binary;
using System.Diagnostics;
using Pannus.Core;
using Pannus.Elf;

namespace Pannus.Tests.Elf;

public class HostileElfTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(2);

    [Fact]
    public void A_count_of_symbols_beyond_the_file_is_refused()
    {
        foreach ((string style, DynamicTag tag) in (ReadOnlySpan<(string, DynamicTag)>)[("sysv", DynamicTag.Hash),
            ("gnu", DynamicTag.GnuHash)])
        {
            string path = Support.Gcc.Compile(Samples.Source, $"-shared -fPIC -Wl,--hash-style={style}", "libhash.so");
            using ElfImage whole = ElfImage.OpenFile(path);
            int table = (int)whole.DynamicValue(tag)!.Value; // In the first segment, whose offset is its address.
            for (int word = 0; word < 4; word++)
            {
                byte[] bytes = Samples.WithoutSections(path);
                BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(table + word * 4), 0xffff_fff0);
                AssertRefusedOrRead(bytes);
            }
        }
    }

    [Fact]
    public void A_version_table_that_leads_round_in_its_own_entries_ends()
    {
        // Each entry is a Verneed whose names are all the entries behind it; all lie behind the last segment's data.
        const int length = 1 << 18, entrySize = 16;
        byte[] original = File.ReadAllBytes(Samples.Program), bytes = [.. original, .. new byte[length]];
        for (int at = original.Length; at < bytes.Length - entrySize; at += entrySize)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(at + 2), 0xffff);
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(at + 8), entrySize);
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(at + 12), entrySize);
        }
        var edit = new ElfEdit(bytes);
        ulong offset = edit.GetLoad(3, ElfEdit.Offset), address = edit.GetLoad(3, ElfEdit.VirtualAddress);
        edit.SetLoad(3, ElfEdit.FileSize, (ulong)bytes.Length - offset);
        edit.SetDynamic(DynamicTag.VerNeed, address + (ulong)original.Length - offset);
        edit.SetDynamic(DynamicTag.VerNeedCount, 65535);
        AssertRefusedOrRead(bytes);
    }

    [Fact]
    public void Names_without_end_do_not_fill_the_memory()
    {
        // 4,000 sections, each named by a string of half a megabyte that overlaps all others.
        const int headers = 4000, text = 1 << 19, start = 64;
        byte[] bytes = new byte[start + headers * 64 + text];
        "\u007fELF\u0002\u0001\u0001"u8.CopyTo(bytes);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(16), 1);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(18), 62);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(40), start);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(58), 64);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(60), headers);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(62), 1);
        for (int i = 0; i < headers; i++) BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(start + i * 64), i);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(start + 64 + 24), start + headers * 64);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(start + 64 + 32), text);
        bytes.AsSpan(start + headers * 64).Fill((byte)'x');
        long before = GC.GetAllocatedBytesForCurrentThread();
        AssertRefusedOrRead(bytes);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 256 << 20);
    }

    private static void AssertRefusedOrRead(byte[] bytes)
    {
        var clock = Stopwatch.StartNew();
        try
        {
            using ElfImage image = ElfImage.FromBytes(bytes, "hostile");
            foreach (ElfSymbol s in image.DynamicSymbols) _ = s.Name + s.Version;
        }
        catch (PatchException e)
        {
            Assert.Equal(PatchErrorId.PatchFileInvalid, e.Id);
        }
        Assert.InRange(clock.Elapsed, TimeSpan.Zero, s_patience);
    }
}
