using Pannus.Authoring.Objects;

namespace Pannus.Authoring.Comparing;

/// <summary>
/// Which atom of the fixed build is which one of the build before. Names decide. Where a compiler has numbered them
/// (<c>count.1</c>, <c>work.part.0</c>) the functions that use a variable tell it from its namesakes; of several
/// clones of one function any may be the other, as whoever calls one is compared by that, too.
/// </summary>
internal sealed class Correlation
{
    private readonly ObjectSet _old, _new;
    private readonly Dictionary<Atom, Atom> _toOld = [], _toNew = [];
    private readonly HashSet<Atom> _ambiguous = [];

    public Correlation(ObjectSet old, ObjectSet @new, IEnumerable<(BuildObject? Old, BuildObject? New)> pairs)
    {
        (_old, _new) = (old, @new);
        List<(BuildObject Old, BuildObject New)> both =
            [.. pairs.Where(p => p.Old is not null && p.New is not null).Select(p => (p.Old!, p.New!))];
        foreach ((BuildObject o, BuildObject n) in both) PairByName(o.Atoms, n.Atoms);
        // What has moved to another object and can be seen from all of them.
        PairByName(Rest(old, _toNew).Where(a => a.IsGlobal), Rest(@new, _toOld).Where(a => a.IsGlobal));
        foreach ((BuildObject o, BuildObject n) in both) PairNumbered(o, n);
    }

    /// <summary>The atom of the build before; null for a new one.</summary>
    public Atom? Old(Atom atom) => _toOld.GetValueOrDefault(atom);

    /// <summary>The atom of the fixed build; null for one that has gone.</summary>
    public Atom? New(Atom atom) => _toNew.GetValueOrDefault(atom);

    /// <summary>Whether it might be more than one variable of the build before.</summary>
    public bool IsAmbiguous(Atom atom) => _ambiguous.Contains(atom);

    private static IEnumerable<Atom> Rest(ObjectSet set, Dictionary<Atom, Atom> known) =>
        set.Objects.SelectMany(o => o.Atoms).Where(a => !known.ContainsKey(a));

    private void PairByName(IEnumerable<Atom> old, IEnumerable<Atom> @new)
    {
        Dictionary<string, Atom> names = new(StringComparer.Ordinal);
        foreach (Atom atom in old)
            foreach (ObjectSymbol s in Names(atom)) names.TryAdd(s.Name, atom);
        foreach (Atom atom in @new)
        {
            foreach (ObjectSymbol s in Names(atom))
            {
                if (names.TryGetValue(s.Name, out Atom? o) && IsSameKind(o, atom) && !_toNew.ContainsKey(o))
                {
                    Pair(o, atom);
                    break;
                }
            }
        }
    }

    private static IEnumerable<ObjectSymbol> Names(Atom atom) =>
        atom.Symbols.Where(s => !CompilerName.IsNumbered(s.Name));

    // A constant that the program now writes, or code that has become data, is another thing.
    private static bool IsSameKind(Atom o, Atom n) => o.Kind == n.Kind;

    private void PairNumbered(BuildObject o, BuildObject n)
    {
        ILookup<(AtomKind, string), Atom> old = Numbered(o, _toNew), @new = Numbered(n, _toOld);
        foreach (IGrouping<(AtomKind Kind, string Name), Atom> group in @new)
        {
            List<Atom> before = [.. old[group.Key]], after = [.. group];
            if (before.Count == 0) continue;
            if (before.Count == 1 && after.Count == 1) Pair(before[0], after[0]);
            else if (group.Key.Kind is AtomKind.Data or AtomKind.ThreadLocal) PairByUsers(before, after);
            else PairByContent(before, after);
        }
    }

    private static ILookup<(AtomKind, string), Atom> Numbered(BuildObject o, Dictionary<Atom, Atom> known) => o.Atoms
        .Where(a => a.Name.Length > 0 && !known.ContainsKey(a))
            .ToLookup(a => (a.Kind, CompilerName.WithoutNumbers(a.Name)));

    private void PairByContent(List<Atom> before, List<Atom> after)
    {
        foreach (Atom n in after.ToArray())
        {
            // The same number says nothing, but of several with the same bytes it is as good as any.
            Atom? o = before.Where(b => b.Size == n.Size && b.Bytes.SequenceEqual(n.Bytes))
                .OrderBy(b => b.Name != n.Name).FirstOrDefault();
            if (o is null) continue;
            Pair(o, n);
            before.Remove(o);
            after.Remove(n);
        }
        for (int i = 0; i < Math.Min(before.Count, after.Count); i++) Pair(before[i], after[i]);
    }

    private void PairByUsers(List<Atom> before, List<Atom> after)
    {
        Dictionary<Atom, Dictionary<(string, int), int>> users = [];
        // Which one comes first in a function says something where none was added or has gone.
        bool isOrdered = before.Count == after.Count;
        foreach (Atom a in before) users[a] = Users(_old, a, isOrdered ? before : []);
        foreach (Atom a in after) users[a] = Users(_new, a, isOrdered ? after : []);
        List<(int Score, Atom Old, Atom New)> scores =
        [
            .. from n in after from o in before
               let score = Likeness(users[o], users[n])
               where score > 0 orderby score + (IsAlike(o, n) ? 1 : 0) descending
                   select (score + (IsAlike(o, n) ? 1 : 0), o, n),
        ];
        foreach ((int score, Atom o, Atom n) in scores)
        {
            if (_toOld.ContainsKey(n) || _toNew.ContainsKey(o)) continue;
            bool hasRival = scores.Any(s => s.Score == score && s.New == n && s.Old != o && !_toNew.ContainsKey(s.Old));
            Pair(o, n);
            if (hasRival) _ambiguous.Add(n);
        }
    }

    private static int Likeness(Dictionary<(string, int), int> before, Dictionary<(string, int), int> after) =>
        after.Sum(u => Math.Min(u.Value, before.GetValueOrDefault(u.Key))) * 2;

    private static bool IsAlike(Atom o, Atom n) => o.Size == n.Size && o.Bytes.SequenceEqual(n.Bytes);

    // By function, and by which of the namesakes in it comes first.
    private static Dictionary<(string, int), int> Users(ObjectSet set, Atom atom, List<Atom> namesakes)
    {
        Dictionary<(string, int), int> users = [];
        foreach (IGrouping<Atom, Use> by in set.UsersOf(atom).GroupBy(u => u.User))
        {
            List<Atom> order = [.. by.Key.References.Select(r => r.Target).OfType<Atom>().Where(namesakes.Contains)
                .Distinct()];
            var key = (CompilerName.Source(by.Key.Name), order.IndexOf(atom));
            users[key] = users.GetValueOrDefault(key) + by.Count();
        }
        return users;
    }

    private void Pair(Atom o, Atom n)
    {
        _toOld.Add(n, o);
        _toNew.Add(o, n);
    }
}
