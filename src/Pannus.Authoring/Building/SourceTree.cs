using Pannus.Core;
using Pannus.Elf;

namespace Pannus.Authoring.Building;

/// <summary>A copy of a source tree that is built in.</summary>
internal static class SourceTree
{
    /// <summary>Copies a tree without what an earlier build has left in it.</summary>
    public static void Copy(string source, string tree, CancellationToken cancellation)
    {
        Directory.CreateDirectory(tree);
        BuildRun.Outcome copied = BuildRun.Run(["cp", "-a", "--reflink=auto", "--", source + "/.", tree], "/",
            new Dictionary<string, string>(), null, cancellation);
        if (copied.ExitCode != 0) throw new PatchException(PatchErrorId.NotPatchable, $"{source} can't be copied: {copied.Tail(3)}");
        Clean(tree);
    }

    // Objects that are there already would not be compiled again; what CMake and meson keep names the folder of before.
    private static void Clean(string tree)
    {
        foreach (string file in Directory.EnumerateFiles(tree, "CMakeCache.txt", SearchOption.AllDirectories).ToArray()) File.Delete(file);
        foreach (string folder in Directory.EnumerateDirectories(tree, "meson-private", SearchOption.AllDirectories).ToArray())
            if (Path.GetDirectoryName(folder) is { } build && build != tree && Directory.Exists(build)) Directory.Delete(build, true);
        var everything = new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint };
        foreach (string file in Directory.EnumerateFiles(tree, "*", everything).ToArray())
            if (IsBuilt(file)) File.Delete(file);
    }

    /// <summary>Removes the objects of a tree, so that the next build compiles everything.</summary>
    public static void RemoveObjects(string tree)
    {
        var everything = new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint };
        foreach (string file in Directory.EnumerateFiles(tree, "*", everything).ToArray())
            if (IsBuilt(file)) File.Delete(file);
    }

    private static bool IsBuilt(string file)
    {
        Span<byte> start = stackalloc byte[18];
        string extension = Path.GetExtension(file);
        if (extension == ".lo" && File.ReadAllText(file).Contains("libtool", StringComparison.Ordinal)) return true;
        using FileStream stream = new(file, new FileStreamOptions { BufferSize = 0 });
        int read = stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        if (read >= 8 && start[..8].SequenceEqual("!<arch>\n"u8)) return extension == ".a";
        return read == start.Length && start[..4].SequenceEqual("\u007fELF"u8)
            && (ElfType)(start[16] | start[17] << 8) is ElfType.Rel or ElfType.Dyn or ElfType.Exec;
    }
}
