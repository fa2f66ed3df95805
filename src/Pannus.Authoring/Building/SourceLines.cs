namespace Pannus.Authoring.Building;

/// <summary>A stretch of lines that one version of a file has in the place of another version's.</summary>
/// <param name="Old">First line of before, from 0.</param>
/// <param name="OldCount">How many lines.</param>
/// <param name="New">First line of after, from 0.</param>
/// <param name="NewCount">How many lines.</param>
internal readonly record struct LineHunk(int Old, int OldCount, int New, int NewCount);

/// <summary>Compares files line by line (Myers, "An O(ND) Difference Algorithm", 1986).</summary>
internal static class SourceLines
{
    private const int MostDifferences = 4000;

    /// <summary>The stretches that differ, in their order.</summary>
    public static IReadOnlyList<LineHunk> Compare(IReadOnlyList<string> old, IReadOnlyList<string> now)
    {
        int start = 0, oldEnd = old.Count, newEnd = now.Count;
        while (start < oldEnd && start < newEnd && old[start] == now[start]) start++;
        while (oldEnd > start && newEnd > start && old[oldEnd - 1] == now[newEnd - 1]) (oldEnd, newEnd) = (oldEnd - 1, newEnd - 1);
        if (start == oldEnd && start == newEnd) return [];
        List<(int Old, int New)>? same = Common(old, now, start, oldEnd, newEnd);
        if (same is null) return [new LineHunk(start, oldEnd - start, start, newEnd - start)];

        List<LineHunk> hunks = [];
        (int atOld, int atNew) = (start, start);
        foreach ((int inOld, int inNew) in same.Append((oldEnd, newEnd)))
        {
            if (inOld > atOld || inNew > atNew) hunks.Add(new LineHunk(atOld, inOld - atOld, atNew, inNew - atNew));
            (atOld, atNew) = (inOld + 1, inNew + 1);
        }
        return hunks;
    }

    // Pairs of lines that the two have in common; null when they have too little.
    private static List<(int Old, int New)>? Common(IReadOnlyList<string> old, IReadOnlyList<string> now, int start, int oldEnd, int newEnd)
    {
        int n = oldEnd - start, m = newEnd - start, most = Math.Min(n + m, MostDifferences);
        int[] reach = new int[2 * most + 3];
        List<int[]> steps = [];
        for (int d = 0; d <= most; d++)
        {
            steps.Add(reach[(most + 1 - d - 1)..(most + 1 + d + 2)]);
            for (int k = -d; k <= d; k += 2)
            {
                int at = most + 1 + k;
                int x = k == -d || k != d && reach[at - 1] < reach[at + 1] ? reach[at + 1] : reach[at - 1] + 1;
                int y = x - k;
                while (x < n && y < m && old[start + x] == now[start + y]) (x, y) = (x + 1, y + 1);
                reach[at] = x;
                if (x >= n && y >= m) return Trace(steps, d, n, m, start);
            }
        }
        return null;
    }

    private static List<(int Old, int New)> Trace(List<int[]> steps, int last, int n, int m, int start)
    {
        List<(int, int)> same = [];
        (int x, int y) = (n, m);
        for (int d = last; d >= 0 && (x > 0 || y > 0); d--)
        {
            int[] reach = steps[d]; // Of the diagonals -d-1 to d+1.
            int k = x - y, at = d + 1 + k;
            int before = k == -d || k != d && reach[at - 1] < reach[at + 1] ? k + 1 : k - 1;
            int fromX = d == 0 ? 0 : reach[d + 1 + before], fromY = d == 0 ? 0 : fromX - before;
            while (x > fromX && y > fromY)
            {
                (x, y) = (x - 1, y - 1);
                same.Add((start + x, start + y));
            }
            (x, y) = (fromX, fromY);
        }
        same.Reverse();
        return same;
    }
}
