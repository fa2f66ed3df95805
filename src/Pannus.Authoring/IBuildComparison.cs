namespace Pannus.Authoring;

/// <summary>What the debug information of both builds tells, for a patch that replaces certain functions.</summary>
public interface IBuildComparison
{
    /// <summary>
    /// Compares the types of both builds. <paramref name="replaced"/> are the functions that the patch replaces, by
    /// the names of their symbols. Findings come all at once, each with its severity; a change that is harmless gives
    /// none, or a note.
    /// </summary>
    IReadOnlyList<PatchFinding> CompareTypes(IReadOnlyList<ObjectPair> objects,
        IReadOnlyList<PatchedFunction> replaced);

    /// <summary>Where a function or variable of an object is defined; null where that is not known.</summary>
    SourcePlace? Locate(string objectPath, string symbol);

    /// <summary>Names of the functions that the code of a function has copies of, in the order of the names.</summary>
    IReadOnlyList<string> InlinedInto(string objectPath, string symbol);
}

/// <summary>A line of the source.</summary>
/// <param name="File">File as the compiler was given it.</param>
/// <param name="Line">Line, from 1.</param>
public sealed record SourcePlace(string File, int Line);
