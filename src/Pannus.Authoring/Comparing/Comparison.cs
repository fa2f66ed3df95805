using Pannus.Authoring.Objects;

namespace Pannus.Authoring.Comparing;

/// <summary>
/// Whether atoms of two builds mean the same: the same bytes but where a linker fills something in, and there the same
/// thing meant. A function or a variable that is referred to means the one it is correlated with, a constant what it
/// holds.
/// </summary>
internal sealed class Comparison(ObjectSet old, ObjectSet @new, Correlation correlation)
{
    private readonly Dictionary<(Atom, Atom), bool> _known = [];
    private readonly HashSet<(Atom, Atom)> _open = [];

    /// <summary>Whether two atoms hold the same.</summary>
    public bool IsSame(Atom o, Atom n)
    {
        if (_known.TryGetValue((o, n), out bool known)) return known;
        // Constants that refer to each other in a ring are the same unless something else in the ring differs.
        if (!_open.Add((o, n))) return true;
        bool same = HasSameBytes(o, n) && HasSameReferences(o, n) && HasSameHandlers(o, n);
        _open.Remove((o, n));
        if (!same || _open.Count == 0) _known[(o, n)] = same;
        return same;
    }

    private bool HasSameHandlers(Atom o, Atom n) => o.ExceptionTable is { } before && n.ExceptionTable is { } after
        ? IsSame(before, after) : o.ExceptionTable is null == n.ExceptionTable is null;

    private static bool HasSameBytes(Atom o, Atom n)
    {
        if (o.Size != n.Size && !IsPaddingApart(o, n)) return false;
        int common = (int)Math.Min(o.Size, n.Size);
        ReadOnlySpan<byte> before = o.Bytes, after = n.Bytes;
        // All zero, with or without room for that in the file.
        if (before.IsEmpty || after.IsEmpty) return !before.ContainsAnyExcept((byte)0)
            && !after.ContainsAnyExcept((byte)0);
        if (before[..common].SequenceEqual(after[..common])) return true;
        byte[] left = Masked(o, common), right = Masked(n, common);
        return left.AsSpan().SequenceEqual(right);
    }

    // How long a constant without a name is, is only known from where the next one begins.
    private static bool IsPaddingApart(Atom o, Atom n)
    {
        const int mostPadding = 64;
        if (o.Symbols.Count > 0 || n.Symbols.Count > 0 || o.Kind != AtomKind.Constant || o.IsMerged
            || n.IsMerged) return false;
        (Atom longer, ulong rest) = o.Size > n.Size ? (o, n.Size) : (n, o.Size);
        return longer.Size - rest < mostPadding && !longer.Bytes[(int)rest..].ContainsAnyExcept((byte)0)
            && !longer.References.Any(r => r.Offset >= rest);
    }

    private static byte[] Masked(Atom atom, int length)
    {
        byte[] bytes = atom.Bytes[..length].ToArray();
        foreach (Reference r in atom.References)
        {
            int width = atom.Object.Architecture.RuleOf(r.Type).Width;
            for (int i = 0; i < width && (int)r.Offset + i < length; i++) bytes[(int)r.Offset + i] = 0;
        }
        return bytes;
    }

    private bool HasSameReferences(Atom o, Atom n)
    {
        if (o.References.Count != n.References.Count) return false;
        for (int i = 0; i < o.References.Count; i++)
        {
            Reference before = o.References[i], after = n.References[i];
            if (before.Offset != after.Offset || before.Type != after.Type || !IsSame(before, after)) return false;
        }
        return true;
    }

    /// <summary>Whether two references mean the same.</summary>
    public bool IsSame(in Reference before, in Reference after)
    {
        if (before.Delta != after.Delta) return false;
        Atom? o = old.TargetOf(before), n = @new.TargetOf(after);
        if (o is null || n is null) return o is null && n is null && before.Symbol == after.Symbol;
        if (o.Kind != n.Kind) return false;
        if (o.Kind != AtomKind.Constant) return correlation.Old(n) == o || IsSameDefinition(o, n)
            || IsWithoutName(o, n);
        // Others see a global constant by its name; what only this object has is known by what it holds.
        return (!n.IsGlobal || correlation.Old(n) == o || IsSameDefinition(o, n)) && IsSame(o, n);
    }

    // Inline functions and the like: each object has one, and the linker takes the first.
    private static bool IsSameDefinition(Atom o, Atom n) => o.IsGlobal && n.IsGlobal
        && o.Symbols.Any(s => !s.IsLocal && n.Symbols.Any(x => x.Name == s.Name));

    // Data without a name that is written: one that its own object alone can mean, at the same place with the same
    // content.
    private bool IsWithoutName(Atom o, Atom n) => o.Kind == AtomKind.Data && o.Name.Length == 0 && n.Name.Length == 0
        && o.Object.Name == n.Object.Name && IsSame(o, n);
}
