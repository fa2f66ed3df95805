namespace Pannus.Symbols;

/// <summary>Names that differ by one slip of the finger.</summary>
internal static class EditDistance
{
    /// <summary>Whether one letter put in, left out, changed, or two exchanged makes one of the other.</summary>
    public static bool IsAtMostOne(string a, string b)
    {
        if (Math.Abs(a.Length - b.Length) > 1) return false;
        int start = a.AsSpan().CommonPrefixLength(b);
        ReadOnlySpan<char> x = a.AsSpan(start), y = b.AsSpan(start);
        while (x.Length > 0 && y.Length > 0 && x[^1] == y[^1])
        {
            x = x[..^1];
            y = y[..^1];
        }
        return (x.Length <= 1 && y.Length <= 1) || (x.Length == 2 && y.Length == 2 && x[0] == y[1] && x[1] == y[0]);
    }
}
