namespace Pannus.Authoring;

/// <summary>One object of a build, before and after the fix.</summary>
/// <param name="Name">What both builds call it, such as <c>src/http.o</c>.</param>
/// <param name="Original">Path of the object of before; null for one that only the fixed build has.</param>
/// <param name="Patched">Path of the fixed object; null for one that only the build of before has.</param>
public sealed record ObjectPair(string Name, string? Original, string? Patched);

/// <summary>
/// What a patch is made from: the objects of two builds, compiled with <c>-ffunction-sections -fdata-sections</c>, and
/// the file that the target runs.
/// </summary>
public sealed record PatchBuildInput
{
    /// <summary>
    /// All objects of the binary, in any order. One that does not differ has the same path twice, or two equal files.
    /// </summary>
    public required IReadOnlyList<ObjectPair> Objects { get; init; }

    /// <summary>Path of the file that the target runs: the executable or the library, stripped or not.</summary>
    public required string TargetPath { get; init; }

    /// <summary>
    /// Path of a file with the symbols of the target, for a target that is stripped: its debug file, or the same
    /// program as our build of the base linked it. Null when there is none.
    /// </summary>
    public string? SymbolPath { get; init; }

    /// <summary>The patch's name; empty leaves it to the name of its file.</summary>
    public string PatchName { get; init; } = "";

    /// <summary>
    /// What else the patch tells of itself (the diff's hash, the compiler and its flags), one line of text each. They
    /// stand as comments among its commands.
    /// </summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Further lines of the command file, such as <c>requires ID</c>, and hooks.</summary>
    public IReadOnlyList<string> Commands { get; init; } = [];

    /// <summary>Names or qualified names of functions that must not be active though they are not replaced.</summary>
    public IReadOnlyList<string> NotActive { get; init; } = [];

    /// <summary>
    /// Reads the debug information of both builds; null leaves types uncompared, which is said in a finding.
    /// </summary>
    public IBuildComparison? Source { get; init; }
}
