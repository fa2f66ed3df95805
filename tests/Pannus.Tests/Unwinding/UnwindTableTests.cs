using Pannus.Elf;
using Pannus.Machines;
using Pannus.Tests.Elf;
using Pannus.Tests.Support;
using Pannus.Unwinding;

namespace Pannus.Tests.Unwinding;

public sealed class UnwindTableTests
{
    [Theory]
    [InlineData(Samples.Libc, 8, 10_000)]
    [InlineData("/lib64/ld-linux-x86-64.so.2", 8, 1_000)]
    [InlineData("/lib32/libc.so.6", 4, 10_000)]
    [InlineData("active -O2", 8, 50)]
    [InlineData("active -O0 -m32", 4, 50)]
    public void Every_row_is_as_readelf_has_it(string file, int wordSize, int leastRows)
    {
        if (!file.StartsWith('/')) file = Built.Target("active", "CFLAGS=" + file[7..], "PROGRAMS=active", "PATCHES=");
        UnwindMachine machine = wordSize == 8 ? UnwindMachine.X64 : UnwindMachine.I386;
        using ElfImage image = ElfImage.OpenFile(file);
        UnwindTable table = UnwindTable.Read(image, machine)!;
        Assert.True(table.HasHeader);
        int count = 0;
        foreach (ReadelfFrames.Row expected in ReadelfFrames.Read(file))
        {
            FrameRow row = default;
            Assert.True(table.TryFindRow(expected.Address, ref row), $"0x{expected.Address:x}");
            Assert.Equal($"0x{expected.Address:x} {ReadelfFrames.Describe(expected, machine)}",
                $"0x{expected.Address:x} {ReadelfFrames.Describe(row, machine, expected.Rules.Keys)}");
            count++;
        }
        Assert.True(count >= leastRows, $"{count} rows");
    }

    [Theory]
    [InlineData(0, 2)] // version
    [InlineData(2, 0xff)] // no count
    [InlineData(3, 0xff)] // no table
    [InlineData(11, 0x7f)] // a count beyond the end
    [InlineData(12, 0x11)] // the first entry leads elsewhere
    [InlineData(15, 0x7f)] // not in order
    public void Without_a_usable_header_the_same_functions_are_found(int offset, byte value)
    {
        byte[] bytes = File.ReadAllBytes(Samples.Libc);
        using ElfImage whole = ElfImage.FromBytes(bytes, "libc");
        UnwindTable table = UnwindTable.Read(whole, UnwindMachine.X64)!;
        ProgramHeader header = whole.ProgramHeaders.Single(p => p.Type == ProgramHeaderType.GnuEhFrame);
        bytes[(int)header.Offset + offset] = value;
        using ElfImage damaged = ElfImage.FromBytes(bytes, "libc");
        UnwindTable index = UnwindTable.Read(damaged, UnwindMachine.X64)!;
        Assert.False(index.HasHeader);
        Assert.Equal(table.Count, index.Count);
        foreach (ElfSymbol s in whole.DynamicSymbols.Where(s => s.IsFunction && s.IsDefined && s.Size > 0))
        {
            bool isFound = table.TryFind(s.Value, out FrameEntry expected);
            Assert.Equal(isFound, index.TryFind(s.Value, out FrameEntry found));
            Assert.Equal((expected.Start, expected.Length, expected.ProgramStart), (found.Start, found.Length, found.ProgramStart));
        }
    }

    [Fact]
    public void Signal_frames_are_known_as_such()
    {
        using ElfImage image = ElfImage.OpenFile(Samples.Libc);
        UnwindTable table = UnwindTable.Read(image, UnwindMachine.X64)!;
        // __restore_rt: mov $15, %rax; syscall.
        ReadOnlySpan<byte> code = [0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05];
        SectionHeader text = image.FindSection(".text")!;
        ulong restore = text.Address + (ulong)image.SectionData(text).IndexOf(code);
        FrameRow row = default;
        // By the address before it, as the handler's return address it is.
        Assert.True(table.TryFindRow(restore - 1, ref row));
        Assert.True(row.IsSignalFrame);
        Assert.Equal(RuleKind.Expression, row.Cfa.Kind);
    }

    [Fact]
    public void A_library_without_tables_has_none()
    {
        string path = Gcc.Compile("int f(int a) { return a; }", "-shared -fPIC -nostdlib -fno-asynchronous-unwind-tables -fno-unwind-tables", "libbare.so");
        using ElfImage image = ElfImage.OpenFile(path);
        Assert.Null(UnwindTable.Read(image, UnwindMachine.X64));
    }
}
