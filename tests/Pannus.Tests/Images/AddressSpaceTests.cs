using System.Globalization;
using Pannus.Core;
using Pannus.Images;
using Pannus.Machines;

namespace Pannus.Tests.Images;

public class AddressSpaceTests
{
    private const ulong Page = 4096, Guard = 16 * Page, GiB = 1ul << 30;

    private const string Pie = """
        555555554000-555555558000 r-xp 00000000 08:01 1 /bin/program
        555555559000-55555557a000 rw-p 00000000 00:00 0 [heap]
        7ffff7c00000-7ffff7e00000 r-xp 00000000 08:01 2 /lib/libc.so.6
        7ffff7fc0000-7ffff7fff000 r-xp 00000000 08:01 3 /lib/ld.so
        7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0 [stack]
        ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]
        """;

    private const string NonPie = """
        00400000-00405000 r-xp 00000000 08:01 1 /bin/program
        01ca0000-01cc1000 rw-p 00000000 00:00 0 [heap]
        7ffff7c00000-7ffff7e00000 r-xp 00000000 08:01 2 /lib/libc.so.6
        7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0 [stack]
        """;

    [Fact]
    public void A_patch_goes_just_below_a_program()
    {
        ulong gap = Find(Pie, "555555554000-555555558000", 4 * Page)!.Value;
        Assert.Equal(0x555555554000 - Guard - 4 * Page, gap);
    }

    [Fact]
    public void A_small_patch_goes_below_a_program_at_a_fixed_address_and_a_large_one_above_where_its_heap_may_grow()
    {
        Assert.InRange(Find(NonPie, "400000-405000", Page)!.Value, 0x10000ul, 0x400000 - Guard - Page);
        // Between program and heap there is room too: nothing grows down.
        Assert.Equal(0x405000 + Guard, Find(NonPie, "400000-405000", 5 << 20));
        Assert.Equal(0x1cc1000 + GiB, Find(NonPie, "400000-405000", 64 << 20));
    }

    [Fact]
    public void Code_that_needs_low_addresses_gets_them_or_nothing()
    {
        Assert.InRange(Find(NonPie, "400000-405000", Page, limit: 1ul << 31)!.Value, 0x10000ul, (1ul << 31) - Page);
        Assert.Null(Find(Pie, "555555554000-555555558000", Page, limit: 1ul << 31));
    }

    [Fact]
    public void A_patch_for_a_library_goes_near_the_library_and_not_into_the_stack()
    {
        Assert.Equal(0x7ffff7c00000 - Guard - Page, Find(Pie, "7ffff7c00000-7ffff7e00000", Page));
        ulong near = Find(Pie, "7ffff7fc0000-7ffff7fff000", Page)!.Value;
        Assert.Equal(0x7ffff7fc0000 - Guard - Page, near);
    }

    [Fact]
    public void Every_byte_of_the_patch_is_in_reach_of_every_byte_of_the_program()
    {
        // All of the neighbourhood is taken but for two pages' distance at the far ends.
        const string map = """
            10000000-500000000 r-xp 00000000 08:01 1 /bin/other
            """;
        Assert.Null(Find(map, "200000000-200400000", Page));
        foreach ((ulong size, ulong alignment) in (ReadOnlySpan<(ulong, ulong)>)[(Page, Page), (1 << 20, Page),
            (Page, 2 << 20), (600 << 20, Page)])
        {
            foreach (string text in (string[])[Pie, NonPie])
            {
                string program = text == Pie ? "555555554000-555555558000" : "400000-405000";
                ulong start = Hex(program[..program.IndexOf('-')]), end = Hex(program[(program.IndexOf('-') + 1)..]);
                if (Find(text, program, size, alignment) is not { } gap) continue;
                Assert.Equal(0ul, gap % alignment);
                Assert.True(Math.Max(end, gap + size) - Math.Min(start, gap) < int.MaxValue, $"{gap:x}");
                Assert.DoesNotContain(MemoryMap.Parse(text).Regions, r => r.Start < gap + size + Guard
                    && gap < r.End + Guard);
            }
        }
    }

    [Fact]
    public void A_full_neighbourhood_has_no_gap()
    {
        const string full = """
            555400000000-555555554000 r--p 00000000 00:00 0
            555555554000-555555558000 r-xp 00000000 08:01 1 /bin/program
            555555558000-5556ffffffff rw-p 00000000 00:00 0
            """;
        Assert.Null(Find(full, "555555554000-555555558000", Page));
        Assert.Null(Find(Pie, "555555554000-555555558000", 4 * GiB));
    }

    [Fact]
    public void A_gap_that_fits_only_without_its_guards_is_none()
    {
        string Map(ulong gap) => $"""
            100000000-200000000 r--p 00000000 00:00 0
            {0x200000000 + gap:x}-{0x200004000 + gap:x} r-xp 00000000 08:01 1 /bin/program
            {0x200004000 + gap:x}-400000000 rw-p 00000000 00:00 0
            """;
        ulong size = 4 * Page;
        foreach (ulong gap in (ulong[])[size, size + Guard, size + 2 * Guard - Page])
            Assert.Null(Find(Map(gap), $"{0x200000000 + gap:x}-{0x200004000 + gap:x}", size));
        ulong exact = size + 2 * Guard;
        Assert.Equal(0x200000000 + Guard, Find(Map(exact), $"{0x200000000 + exact:x}-{0x200004000 + exact:x}", size));
    }

    [Fact]
    public void An_empty_map_and_one_of_junk_do_no_harm()
    {
        Assert.NotNull(Find("", "555555554000-555555558000", Page));
        Assert.NotNull(Find("what\n-\nzz-yy r\n1-2\n", "555555554000-555555558000", Page));
        Assert.NotNull(Find("", "0-1000", Page));
    }

    private static ulong? Find(string map, string near, ulong size, ulong alignment = Page,
        ulong limit = ulong.MaxValue)
    {
        ulong start = Hex(near[..near.IndexOf('-')]), end = Hex(near[(near.IndexOf('-') + 1)..]);
        return AddressSpace.FindGap(TargetArchitecture.X64, MemoryMap.Parse(map), new AddressRange(start, end - start), size, alignment, limit);
    }

    private static ulong Hex(string text) => ulong.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
