using Pannus.Core;
using Pannus.Elf;
using Pannus.Targets;

namespace Pannus.Symbols;

/// <summary>
/// The separate debug file of a stripped module, found by build id as gdb does ("Debugging Information in Separate
/// Files"): in the target's own file system first, then in this one.
/// </summary>
internal static class DebugFile
{
    private const string Directory = "/usr/lib/debug/.build-id";

    /// <summary>The debug file of a module; null when there is none of the same build.</summary>
    public static ElfImage? Find(TargetProcess target, TargetModule module)
    {
        if (module.BuildId.Length < 4) return null;
        string path = $"{Directory}/{module.BuildId[..2]}/{module.BuildId[2..]}.debug";
        foreach (string root in (string[])[target.Root, ""])
        {
            // A file that is damaged is as good as none.
            if (!File.Exists(root + path) || target.Images.TryOpen(root + path, path) is not { } image) continue;
            if (IsOf(image, module)) return image;
            target.Images.Close(image);
        }
        return null;
    }

    /// <summary>
    /// The debug information that several files share, as <c>dwz</c> makes it (.gnu_debugaltlink: a path, and the build id of the
    /// file); null when there is none.
    /// </summary>
    public static DwarfInfo? Supplement(TargetProcess target, ElfImage image)
    {
        if (image.FindSection(".gnu_debugaltlink") is not { } section) return null;
        ReadOnlySpan<byte> link = image.SectionContent(section);
        string path = System.Text.Encoding.UTF8.GetString(ElfImage.TextBytes(link, 0));
        string buildId = Convert.ToHexString(link[Math.Min(link.Length, link.IndexOf((byte)0) + 1)..]).ToLowerInvariant();
        if (!path.StartsWith('/')) path = Path.Combine(Path.GetDirectoryName(image.DisplayName) ?? "/", path);
        foreach (string root in (string[])[target.Root, ""])
        {
            if (!File.Exists(root + path) || target.Images.TryOpen(root + path, path) is not { } found) continue;
            if (found.BuildId == buildId) return DwarfInfo.Open(found);
            target.Images.Close(found);
        }
        return null;
    }

    /// <summary>
    /// Opens the file that the user names for a module. Errors: <see cref="PatchErrorId.PatchFileNotFound"/>,
    /// <see cref="PatchErrorId.PatchFileInvalid"/>, and those of <paramref name="check"/>.
    /// </summary>
    public static ElfImage Open(TargetProcess target, string path, BuildCheck check)
    {
        ElfImage image = target.Images.Open(path, path);
        if (!image.HasSymbolTable) throw image.Invalid("it has no symbol table (.symtab)");
        check.Check(image);
        return image;
    }

    private static bool IsOf(ElfImage image, TargetModule module)
    {
        try
        {
            return image.BuildId == module.BuildId && image.HasSymbolTable;
        }
        catch (PatchException)
        {
            return false;
        }
    }
}
