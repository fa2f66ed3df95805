namespace Pannus.Elf;

/// <summary>The addresses of an entry that has more than one stretch of code (DWARF 5, 2.17.3; DWARF 4, 2.17.3).</summary>
internal static class DwarfRanges
{
    private const int MostRanges = 1 << 12;

    /// <summary>The stretches that DW_AT_ranges names; none where it is damaged.</summary>
    public static IReadOnlyList<(ulong Start, ulong End)> Read(DwarfUnit unit, DwarfValue value) =>
        unit.Version >= 5 ? ReadLists(unit, value) : ReadPairs(unit, value.Number);

    private static List<(ulong, ulong)> ReadPairs(DwarfUnit unit, ulong offset)
    {
        List<(ulong, ulong)> found = [];
        ReadOnlySpan<byte> section = unit.Info.Content(".debug_ranges");
        if (offset >= (ulong)section.Length) return found;
        var cursor = new ByteCursor(section, (int)offset, section.Length);
        ulong start = unit.LowPc, select = unit.AddressSize == 8 ? ulong.MaxValue : uint.MaxValue;
        while (found.Count < MostRanges)
        {
            ulong from = cursor.Address(unit.AddressSize), to = cursor.Address(unit.AddressSize);
            if (cursor.IsBroken || (from == 0 && to == 0)) break;
            if (from == select) start = to;
            else found.Add((start + from, start + to));
        }
        return found;
    }

    // DW_RLE_* (DWARF 5, 7.25).
    private static List<(ulong, ulong)> ReadLists(DwarfUnit unit, DwarfValue value)
    {
        List<(ulong, ulong)> found = [];
        ReadOnlySpan<byte> section = unit.Info.Content(".debug_rnglists");
        ulong offset = value.Number;
        if (value.Form == DwarfForm.RangeListIndex)
        {
            ulong slot = unit.RangesBase + offset * (ulong)unit.OffsetSize;
            if (slot + (ulong)unit.OffsetSize > (ulong)section.Length) return found;
            var table = new ByteCursor(section, (int)slot, section.Length);
            offset = unit.RangesBase + table.Address(unit.OffsetSize);
        }
        if (offset >= (ulong)section.Length) return found;
        var cursor = new ByteCursor(section, (int)offset, section.Length);
        ulong start = unit.LowPc;
        while (found.Count < MostRanges && !cursor.IsBroken)
        {
            switch (cursor.Byte())
            {
                case 1: start = Indexed(ref cursor); break;
                case 2:
                    ulong first = Indexed(ref cursor);
                    Add(first, Indexed(ref cursor));
                    break;
                case 3:
                    first = Indexed(ref cursor);
                    Add(first, first + cursor.Unsigned());
                    break;
                case 4:
                    first = start + cursor.Unsigned();
                    Add(first, start + cursor.Unsigned());
                    break;
                case 5: start = cursor.Address(unit.AddressSize); break;
                case 6:
                    first = cursor.Address(unit.AddressSize);
                    Add(first, cursor.Address(unit.AddressSize));
                    break;
                case 7:
                    first = cursor.Address(unit.AddressSize);
                    Add(first, first + cursor.Unsigned());
                    break;
                default: return found;
            }
        }
        return found;

        void Add(ulong from, ulong to) => found.Add((from, to));
        ulong Indexed(ref ByteCursor c) => unit.Info.Address(unit, c.Unsigned()) ?? 0;
    }
}
