namespace Pannus.Authoring.Building;

/// <summary>
/// A folder with programs that stand in the place of the compilers proper and the linker, so that a build tells what it made
/// from what. gcc's driver looks for them where COMPILER_PATH says, clang's driver takes arguments from
/// CCC_OVERRIDE_OPTIONS: neither depends on how the build calls its compiler, by what name or from which folder.
/// </summary>
internal sealed class BuildTools
{
    private const UnixFileMode Executable = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private static readonly string[] s_compilers = ["cc1", "cc1plus", "cc1obj", "cc1objplus"];
    private static readonly string[] s_linkers = ["ld", "ld.bfd", "ld.gold", "ld.lld", "ld.mold"];

    // __DATE__ and __TIME__ are the same in both builds.
    private static readonly Dictionary<string, string> s_sameDate =
        System.Environment.GetEnvironmentVariable("SOURCE_DATE_EPOCH") is { Length: > 0 } ? [] : new() { ["SOURCE_DATE_EPOCH"] = "1" };

    private readonly string _folder;

    public BuildTools(string folder)
    {
        _folder = folder;
        Directory.CreateDirectory(folder);
        foreach (string name in s_compilers) Write(name, "compile.sh");
        foreach (string name in s_linkers) Write(name, "link.sh");
    }

    /// <summary>What the environment of a build has besides.</summary>
    /// <param name="tree">The tree that is built.</param>
    /// <param name="source">What the tree is a copy of; objects name this one.</param>
    /// <param name="record">Folder for the notes.</param>
    /// <param name="temporary">Folder for temporary files.</param>
    /// <param name="withSections">Whether functions and variables get sections of their own.</param>
    public Dictionary<string, string> Environment(string tree, string source, string record, string temporary, bool withSections)
    {
        Directory.CreateDirectory(record);
        Directory.CreateDirectory(temporary);
        string path = System.Environment.GetEnvironmentVariable("COMPILER_PATH") ?? "";
        Dictionary<string, string> environment = new(s_sameDate)
        {
            ["COMPILER_PATH"] = path == "" ? _folder : $"{_folder}:{path}",
            ["PATH"] = $"{_folder}:{System.Environment.GetEnvironmentVariable("PATH")}",
            ["TMPDIR"] = temporary,
            ["PANNUS_TOOLS"] = _folder,
            ["PANNUS_RECORD"] = record,
            ["PANNUS_TREE"] = tree,
            ["PANNUS_SOURCE"] = source,
            // A cache would answer in the compiler's place.
            ["CCACHE_DISABLE"] = "1",
        };
        if (!withSections) return environment;
        environment["PANNUS_SECTIONS"] = "1";
        string map = tree.Contains(' ') || source.Contains(' ') ? "" : $" ^-ffile-prefix-map={tree}={source}";
        environment["CCC_OVERRIDE_OPTIONS"] = $"#{map} +-ffunction-sections +-fdata-sections +-g +-gno-split-dwarf";
        return environment;
    }

    private void Write(string name, string resource)
    {
        using Stream from = typeof(BuildTools).Assembly.GetManifestResourceStream(resource)
            ?? throw new InvalidOperationException($"The assembly has no {resource}.");
        string path = Path.Combine(_folder, name);
        using (FileStream to = File.Create(path)) from.CopyTo(to);
        File.SetUnixFileMode(path, Executable);
    }
}
