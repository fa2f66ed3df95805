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
