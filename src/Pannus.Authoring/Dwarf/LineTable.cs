namespace Pannus.Authoring.Dwarf;

/// <summary>The file names of a line table (DWARF 5, 6.2.4); its program is not read.</summary>
internal static class LineTable
{
    private const int PathContent = 1, DirectoryIndexContent = 2;

    /// <summary>The files by the numbers that DW_AT_decl_file has; those of <paramref name="folder"/> relative to it.</summary>
    public static IReadOnlyList<string> Files(DebugSections sections, ulong offset, string folder)
    {
        var at = new DwarfCursor(sections.Lines, 0, sections.Lines.Length, sections.Name);
        at.Seek((long)Math.Min(offset, int.MaxValue));
        at.UnitLength(out int offsetSize);
        int version = at.Half();
        if (version is < 2 or > 5) throw at.Invalid($"a line table of version {version}");
        if (version >= 5) at.Take(2ul);
        at.Number(offsetSize);
        at.Take(version >= 4 ? 5ul : 4ul);
        byte opcodes = at.Byte();
        if (opcodes > 0) at.Take((ulong)(opcodes - 1));
        return version >= 5 ? Described(sections, ref at, offsetSize, folder) : Listed(ref at, folder);
    }

    private static List<string> Listed(ref DwarfCursor at, string folder)
    {
        List<string> folders = [""], files = [""];
        while (at.Text() is { Length: > 0 } text) folders.Add(text);
        while (at.Text() is { Length: > 0 } text)
        {
            ulong index = at.Unsigned();
            at.Unsigned();
            at.Unsigned();
            files.Add(Combine(folders, index, text, folder));
        }
        return files;
    }

    private static List<string> Described(DebugSections sections, ref DwarfCursor at, int offsetSize, string folder)
    {
        List<string> folders = [.. Entries(sections, ref at, offsetSize).Select(e => e.Text)];
        List<(string Text, ulong Folder)> files = Entries(sections, ref at, offsetSize);
        return [.. files.Select(f => Combine(folders, f.Folder, f.Text, folder))];
    }

    private static List<(string Text, ulong Folder)> Entries(DebugSections sections, ref DwarfCursor at, int offsetSize)
    {
        var formats = new (ulong Content, DieForm Form)[at.Byte()];
        for (int i = 0; i < formats.Length; i++) formats[i] = (at.Unsigned(), (DieForm)at.Unsigned());
        ulong count = at.Unsigned();
        if (count > (ulong)sections.Lines.Length) throw at.Invalid($"{count} file names");
        List<(string, ulong)> entries = [];
        for (ulong i = 0; i < count; i++)
        {
            (string text, ulong number) = ("", 0);
            foreach ((ulong content, DieForm form) in formats)
            {
                (ulong value, string? read) = Value(sections, ref at, offsetSize, form);
                if (content == PathContent) text = read ?? "";
                if (content == DirectoryIndexContent) number = value;
            }
            entries.Add((text, number));
        }
        return entries;
    }

    private static (ulong Number, string? Text) Value(DebugSections sections, ref DwarfCursor at, int offsetSize, DieForm form)
    {
        switch (form)
        {
            case DieForm.String: return (0, at.Text());
            case DieForm.LineString: return (0, sections.Text(sections.LineStrings, at.Number(offsetSize)));
            case DieForm.StringPointer: return (0, sections.Text(sections.Strings, at.Number(offsetSize)));
            case DieForm.UnsignedData: return (at.Unsigned(), null);
            case DieForm.Data1: return (at.Byte(), null);
            case DieForm.Data2: return (at.Half(), null);
            case DieForm.Data4: return (at.Word(), null);
            case DieForm.Data8: return (at.Xword(), null);
            case DieForm.Data16: at.Take(16ul); return (0, null);
            case DieForm.Block: at.Take(at.Unsigned()); return (0, null);
            default: throw at.Invalid($"a file name in form 0x{(int)form:x}");
        }
    }

    private static string Combine(List<string> folders, ulong index, string file, string folder)
    {
        string of = index < (ulong)folders.Count ? folders[(int)index] : "";
        string path = Path.IsPathRooted(file) || of == "" ? file : Path.Combine(of, file);
        return folder != "" && path.StartsWith(folder + "/", StringComparison.Ordinal) ? path[(folder.Length + 1)..] : path;
    }
}
