using Pannus.Authoring;
using Pannus.Authoring.Making;

namespace Pannus.PowerShell;

/// <summary>The functions of a patch as a table: which, from which object, why, how large, who calls them.</summary>
internal static class BuildTable
{
    private const int MostCallers = 4;

    /// <summary>The lines, with a heading; none for a patch without functions.</summary>
    public static IEnumerable<string> Lines(LivePatchBuild result)
    {
        string[][] rows = [.. result.Functions.Concat(result.NewFunctions).Select(Row)];
        if (rows.Length == 0) yield break;
        string[] heading = ["Function", "Object", "Why", "Before", "After", "Callers"];
        int[] widths = [.. heading.Select((h, i) => rows.Max(r => Math.Max(r[i].Length, h.Length)))];
        foreach (string[] row in rows.Prepend(heading))
            yield return string.Join("  ", row.Select((cell, i) => i is 3 or 4 ? cell.PadLeft(widths[i]) : cell.PadRight(widths[i]))).TrimEnd();
    }

    private static string[] Row(PatchedFunction f)
    {
        string callers = string.Join(", ", f.Callers.Take(MostCallers)) + (f.Callers.Count > MostCallers ? $" and {f.Callers.Count - MostCallers} more" : "");
        return [f.Name, f.Object, f.Reason, f.SizeBefore > 0 ? $"{f.SizeBefore}" : "", $"{f.SizeAfter}", callers];
    }
}
