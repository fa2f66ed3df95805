namespace Pannus.Elf;

/// <summary>Where a function's parameters are when it is called.</summary>
internal static class DwarfParameters
{
    private const int MostEntries = 1 << 12;

    /// <summary>
    /// Whether two copies of a function take the same parameters in the same places. False as well when that is not told: a
    /// parameter that the compiler has left out has no place.
    /// </summary>
    public static bool AreSame(DwarfFunction one, DwarfFunction other) =>
        Places(one) is { } a && Places(other) is { } b && a.SequenceEqual(b);

    // The location of each, in hexadecimal digits; null when one is not told.
    private static List<string>? Places(DwarfFunction function)
    {
        List<string> places = [];
        DwarfUnit unit = function.Unit;
        DwarfValue? location = null;
        for (var walker = new DwarfWalker(unit, (int)function.Reference); walker.MoveNext();)
        {
            if (walker.Depth == 0 && (ulong)walker.Offset != function.Reference) break;
            if (walker.Depth != 1 || walker.Abbreviation.Tag != DwarfTag.FormalParameter) continue;
            location = null;
            walker.ReadAttributes((attribute, value) =>
            {
                if (attribute == DwarfAttribute.Location) location = value;
            });
            string place = location is { } l ? Convert.ToHexString(AtEntry(unit, l, function.Start)) : "";
            if (place.Length == 0) return null;
            places.Add(place);
        }
        return places;
    }

    private static ReadOnlySpan<byte> AtEntry(DwarfUnit unit, DwarfValue value, ulong entry) => value.Form switch
    {
        DwarfForm.Expression or DwarfForm.Block1 or DwarfForm.Block => unit.Info.Section.Slice(value.Start, (int)value.Number),
        DwarfForm.SectionOffset or DwarfForm.Data4 or DwarfForm.LocationListIndex =>
            unit.Version >= 5 ? FromLists(unit, value, entry) : FromPairs(unit, value.Number, entry),
        _ => [],
    };

    private static ReadOnlySpan<byte> FromPairs(DwarfUnit unit, ulong offset, ulong entry)
    {
        ReadOnlySpan<byte> section = unit.Info.Content(".debug_loc");
        if (offset >= (ulong)section.Length) return [];
        var cursor = new ByteCursor(section, (int)offset, section.Length);
        ulong start = unit.LowPc, select = unit.AddressSize == 8 ? ulong.MaxValue : uint.MaxValue;
        for (int i = 0; i < MostEntries; i++)
        {
            ulong from = cursor.Address(unit.AddressSize), to = cursor.Address(unit.AddressSize);
            if (cursor.IsBroken || (from == 0 && to == 0)) return [];
            if (from == select)
            {
                start = to;
                continue;
            }
            int length = cursor.Half(), at = cursor.Skip(length);
            if (!cursor.IsBroken && start + from == entry) return section.Slice(at, length);
        }
        return [];
    }

    // DW_LLE_* (DWARF 5, 7.7.3).
    private static ReadOnlySpan<byte> FromLists(DwarfUnit unit, DwarfValue value, ulong entry)
    {
        ReadOnlySpan<byte> section = unit.Info.Content(".debug_loclists");
        ulong offset = value.Number;
        if (value.Form == DwarfForm.LocationListIndex)
        {
            ulong slot = unit.LocationsBase + offset * (ulong)unit.OffsetSize;
            if (slot + (ulong)unit.OffsetSize > (ulong)section.Length) return [];
            var table = new ByteCursor(section, (int)slot, section.Length);
            offset = unit.LocationsBase + table.Address(unit.OffsetSize);
        }
        if (offset >= (ulong)section.Length) return [];
        var cursor = new ByteCursor(section, (int)offset, section.Length);
        ulong start = unit.LowPc;
        for (int i = 0; i < MostEntries && !cursor.IsBroken; i++)
        {
            ulong from;
            switch (cursor.Byte())
            {
                case 1: start = Indexed(ref cursor); continue;
                case 2: from = Indexed(ref cursor); _ = cursor.Unsigned(); break;
                case 3: from = Indexed(ref cursor); _ = cursor.Unsigned(); break;
                case 4: from = start + cursor.Unsigned(); _ = cursor.Unsigned(); break;
                case 5: from = entry; break;
                case 6: start = cursor.Address(unit.AddressSize); continue;
                case 7: from = cursor.Address(unit.AddressSize); _ = cursor.Address(unit.AddressSize); break;
                case 8: from = cursor.Address(unit.AddressSize); _ = cursor.Unsigned(); break;
                case 9: _ = cursor.Unsigned() + cursor.Unsigned(); continue; // DW_LLE_GNU_view_pair
                default: return [];
            }
            int length = cursor.Small(), at = cursor.Skip(length);
            if (!cursor.IsBroken && from == entry) return section.Slice(at, length);
        }
        return [];

        ulong Indexed(ref ByteCursor c) => unit.Info.Address(unit, c.Unsigned()) ?? 0;
    }
}
