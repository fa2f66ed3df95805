using Pannus.Authoring.Objects;
using Pannus.Elf;

namespace Pannus.Authoring.Binary;

/// <summary>
/// The symbols of a linked file: those of each source file together, as a linker leaves them, and the others.
/// </summary>
internal sealed class SymbolGroups
{
    private sealed record Group(string File, Dictionary<string, List<ElfSymbol>> Symbols);

    private readonly List<Group> _groups = [];
    private readonly Dictionary<string, List<ElfSymbol>> _globals = new(StringComparer.Ordinal), _locals =
        new(StringComparer.Ordinal);
    private readonly Dictionary<BuildObject, Group?> _ofObject = [];
    private readonly ElfImage _file;
    private readonly Group? _nameless;

    public SymbolGroups(ElfSymbolTable table, ElfImage file)
    {
        _file = file;
        Group? current = null;
        foreach (ElfSymbol s in table)
        {
            if (s.Type == ElfSymbolType.File)
            {
                _groups.Add(current = new Group(s.Name, new Dictionary<string,
                    List<ElfSymbol>>(StringComparer.Ordinal)));
                continue;
            }
            string name = s.Name;
            if (!s.IsDefined || !s.IsEntity || name.Length == 0) continue;
            if (name.IndexOf('@') is > 0 and var at) name = name[..at];
            Add(s.IsLocal ? _locals : _globals, name, s);
            if (s.IsLocal && current is not null) Add(current.Symbols, name, s);
        }
        _nameless = _groups.LastOrDefault(g => g.File.Length == 0);
    }

    /// <summary>Where an atom lies; null when it is not there, or more than one might be it.</summary>
    public TargetPlace? Find(Atom atom)
    {
        foreach (ObjectSymbol s in atom.Symbols.Where(s => !s.IsTemporary))
        {
            ElfSymbol[] fitting = [.. Candidates(atom, s)
                .Where(x => x.IsThreadLocal == (atom.Kind == AtomKind.ThreadLocal) && !x.IsAbsolute)
                .DistinctBy(x => x.Value)];
            if (fitting.Length > 1 && fitting.Count(x => x.Size == s.Symbol.Size) == 1) fitting =
                [fitting.First(x => x.Size == s.Symbol.Size)];
            ulong inside = s.Symbol.IsCommon ? 0 : s.Symbol.Value - atom.Start;
            if (fitting.Length == 1) return new TargetPlace(fitting[0].Value - inside, fitting[0].Size);
        }
        return null;
    }

    public TargetPlace? FindHidden(string name) => _locals.TryGetValue(name, out List<ElfSymbol>? all)
        && all.DistinctBy(s => s.Value).Count() == 1 ? new TargetPlace(all[0].Value, all[0].Size) : null;

    private IEnumerable<ElfSymbol> Candidates(Atom atom, ObjectSymbol s)
    {
        if (s.IsLocal) return OfObject(atom.Object)?.Symbols.GetValueOrDefault(s.Name) ?? [];
        if (_globals.TryGetValue(s.Name, out List<ElfSymbol>? global)) return global;
        // What was global in the object may be local now; GNU ld puts such after those of all files, in a group without
        // a name.
        return (_nameless?.Symbols ?? _locals).GetValueOrDefault(s.Name) ?? [];
    }

    // Several sources may have the same file name: the one that has the object's symbols, in their sizes, and their
    // code.
    private Group? OfObject(BuildObject o)
    {
        if (_ofObject.TryGetValue(o, out Group? known)) return known;
        List<Group> same = [.. _groups.Where(g => g.File == o.SourceName && g.Symbols.Count > 0)];
        if (same.Count > 1)
        {
            List<(Group Group, int Score)> scores = [.. same.Select(g => (g, Score(o, g)))];
            int best = scores.Max(s => s.Score);
            same = [.. scores.Where(s => s.Score == best).Select(s => s.Group)];
        }
        return _ofObject[o] = same.Count == 1 ? same[0] : null;
    }

    private int Score(BuildObject o, Group group)
    {
        int score = 0;
        foreach (Atom atom in o.Atoms)
        {
            foreach (ObjectSymbol s in atom.Symbols.Where(s => s.IsLocal && !s.IsTemporary && s.Symbol.IsEntity))
            {
                if (!group.Symbols.TryGetValue(s.Name, out List<ElfSymbol>? there)) score--;
                else if (!there.Any(x => x.Size == s.Symbol.Size)) score -= 2;
                else score += there.Any(x => Holds(atom, x.Value)) ? 4 : 2;
            }
        }
        return score;
    }

    private bool Holds(Atom atom, ulong address)
    {
        if (atom.Kind == AtomKind.Code) return BaseCheck.IsSame(_file, atom, address);
        byte[] there = new byte[atom.Bytes.Length];
        return there.Length > 0 && atom.References.Count == 0 && _file.TryReadVirtual(address, there)
            && atom.Bytes.SequenceEqual(there);
    }

    private static void Add(Dictionary<string, List<ElfSymbol>> to, string name, in ElfSymbol s)
    {
        if (!to.TryGetValue(name, out List<ElfSymbol>? same)) to[name] = same = [];
        same.Add(s);
    }
}
