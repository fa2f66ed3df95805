namespace Pannus.Elf;

/// <summary>The source files that a unit numbers, from the header of its line table (DWARF 5, 6.2.4; DWARF 4, 6.2.4).</summary>
internal static class DwarfFiles
{
    private const int MostFiles = 1 << 16;
    private const ulong PathContent = 1, DirectoryContent = 2;

    /// <summary>Their paths by number, full as far as the compiler has noted it; none where the table is damaged.</summary>
    public static IReadOnlyList<string> Read(DwarfUnit unit)
    {
        ReadOnlySpan<byte> section = unit.Info.Content(".debug_line");
        if (unit.Lines is not { } offset || offset >= (ulong)section.Length) return [];
        var cursor = new ByteCursor(section, (int)offset, section.Length);
        ulong length = cursor.Word();
        int offsetSize = length == 0xffff_ffff ? 8 : 4;
        if (offsetSize == 8) length = cursor.Xword();
        int version = cursor.Half(), addressSize = unit.AddressSize;
        if (version is < 2 or > 5 || cursor.IsBroken) return [];
        if (version >= 5) (addressSize, _) = (cursor.Byte(), cursor.Byte());
        _ = offsetSize == 8 ? cursor.Xword() : cursor.Word();
        cursor.Skip(version >= 4 ? 5 : 4);
        cursor.Skip(Math.Max(0, cursor.Byte() - 1)); // standard_opcode_lengths
        return version >= 5 ? ReadTables(ref cursor, unit, offsetSize, addressSize) : ReadNames(ref cursor, section, unit);
    }

    // Directory 0 is the compilation's, and files are counted from 1.
    private static List<string> ReadNames(ref ByteCursor cursor, ReadOnlySpan<byte> section, DwarfUnit unit)
    {
        List<string> directories = [unit.Directory], files = [unit.Path];
        while (Text(ref cursor, section) is { Length: > 0 } directory && directories.Count < MostFiles) directories.Add(Under(unit.Directory, directory));
        while (Text(ref cursor, section) is { Length: > 0 } file && files.Count < MostFiles)
        {
            ulong directory = cursor.Unsigned();
            _ = cursor.Unsigned() + cursor.Unsigned();
            files.Add(Under(directory < (ulong)directories.Count ? directories[(int)directory] : "", file));
        }
        return files;
    }

    private static List<string> ReadTables(ref ByteCursor cursor, DwarfUnit unit, int offsetSize, int addressSize)
    {
        List<(string Path, ulong Directory)> directories = ReadTable(ref cursor, unit, offsetSize, addressSize);
        List<(string Path, ulong Directory)> files = ReadTable(ref cursor, unit, offsetSize, addressSize);
        string root = directories.Count > 0 ? directories[0].Path : unit.Directory;
        return [.. files.Select(f => Under(f.Directory < (ulong)directories.Count ? Under(root, directories[(int)f.Directory].Path) : "", f.Path))];
    }

    private static List<(string, ulong)> ReadTable(ref ByteCursor cursor, DwarfUnit unit, int offsetSize, int addressSize)
    {
        var format = new (ulong Content, DwarfSpecification Form)[cursor.Byte()];
        for (int i = 0; i < format.Length; i++) format[i] = (cursor.Unsigned(), new DwarfSpecification(0, (DwarfForm)cursor.Unsigned(), 0));
        ulong count = cursor.Unsigned();
        List<(string, ulong)> rows = [];
        for (ulong i = 0; i < count && i < MostFiles && format.Length > 0 && !cursor.IsBroken; i++)
        {
            string path = "";
            ulong directory = 0;
            foreach ((ulong content, DwarfSpecification form) in format)
            {
                int start = cursor.Position;
                DwarfValue value = DwarfValue.Read(ref cursor, form, offsetSize, addressSize, 5);
                // A string in place lies in .debug_line here, not in .debug_info.
                if (content == PathContent && value.Form != DwarfForm.String) path = DwarfText.String(unit.Info.Text(unit, value));
                else if (content == PathContent) path = DwarfText.String(DwarfText.At(unit.Info.Content(".debug_line"), (ulong)start));
                else if (content == DirectoryContent) directory = value.Number;
            }
            rows.Add((path, directory));
        }
        return rows;
    }

    private static string Under(string directory, string path) =>
        path.StartsWith('/') || directory.Length == 0 ? path : path.Length == 0 ? directory : $"{directory}/{path}";

    private static string Text(ref ByteCursor cursor, ReadOnlySpan<byte> section)
    {
        int start = cursor.Position;
        while (cursor.Byte() != 0) { }
        return cursor.IsBroken ? "" : DwarfText.String(section[start..(cursor.Position - 1)]);
    }
}
