namespace Pannus.Authoring.Building;

/// <summary>
/// Keeps <c>__LINE__</c>: after each stretch that a diff changed a <c>#line</c> gives the lines that follow the numbers which
/// they had, so that code which did not change compiles to what it was.
/// </summary>
internal static class LineKeeper
{
    private static readonly HashSet<string> s_extensions =
        [".c", ".h", ".cc", ".cpp", ".cxx", ".c++", ".C", ".hh", ".hpp", ".hxx", ".h++", ".H", ".inc", ".inl", ".ipp", ".tcc"];

    /// <summary>Whether a file is one of C or C++.</summary>
    public static bool IsSource(string path) => s_extensions.Contains(Path.GetExtension(path));

    /// <summary>The lines of a file after a diff, with directives that keep the numbers of those it had before.</summary>
    public static IReadOnlyList<string> Keep(IReadOnlyList<string> old, IReadOnlyList<string> now)
    {
        List<string> kept = [];
        var state = new SourceScanner();
        // The number that the compiler gives the next line, and the one that it had.
        int given = 1, had = 1;
        int next = 0;
        // A directive that stands in an #if may be passed over: it is said again where each branch ends.
        bool isConditional = false;
        IReadOnlyList<LineHunk> hunks = SourceLines.Compare(old, now);
        foreach (LineHunk hunk in hunks)
        {
            Common(hunk.New);
            for (; next < hunk.New + hunk.NewCount; next++, given++) Add(now[next]);
            had += hunk.OldCount;
        }
        Common(now.Count);
        return kept;

        void Common(int until)
        {
            for (; next < until; next++, given++, had++)
            {
                bool isDue = given != had || isConditional && state.EndsBranch;
                if (isDue && state.IsBetweenLines && now[next] != "")
                {
                    kept.Add($"#line {had}");
                    given = had;
                    isConditional = state.Conditions > 0;
                }
                Add(now[next]);
            }
        }

        void Add(string line)
        {
            kept.Add(line);
            state.Read(line);
        }
    }
}
