using Pannus.Authoring.Objects;

namespace Pannus.Authoring.Comparing;

/// <summary>All objects of one build of a binary, and what is global among them.</summary>
internal sealed class ObjectSet
{
    private readonly Dictionary<string, Atom> _globals = new(StringComparer.Ordinal);
    private Dictionary<Atom, List<Use>>? _users;

    public ObjectSet(IReadOnlyList<BuildObject> objects)
    {
        Objects = objects;
        foreach (Atom atom in objects.SelectMany(o => o.Atoms))
        {
            foreach (ObjectSymbol s in atom.Symbols)
            {
                if (s.IsLocal) continue;
                // As the linker has it: the first definition that is not weak, else the first.
                if (_globals.TryAdd(s.Name, atom) || s.Symbol.IsWeak) continue;
                if (_globals[s.Name].Symbols.Any(x => x.Name == s.Name
                    && (x.Symbol.IsWeak || x.Symbol.IsCommon))) _globals[s.Name] = atom;
            }
        }
    }

    public IReadOnlyList<BuildObject> Objects { get; }

    /// <summary>The atom that a name means to an object that does not define it; null when no object does.</summary>
    public Atom? Global(string name) => _globals.GetValueOrDefault(name);

    /// <summary>What a reference means, whichever object defines it.</summary>
    public Atom? TargetOf(in Reference r) => r.Target is { } here
        ? here.IsGlobal && Global(here.Name) is { } first && first.Kind == here.Kind ? first : here
        : r.Symbol.Length > 0 ? Global(r.Symbol) : null;

    /// <summary>Who refers to an atom, in the order of objects and places.</summary>
    public IReadOnlyList<Use> UsersOf(Atom atom)
    {
        if (_users is null)
        {
            _users = [];
            foreach (Atom user in Objects.SelectMany(o => o.Atoms))
            {
                for (int i = 0; i < user.References.Count; i++)
                {
                    if (TargetOf(user.References[i]) is not { } target || target == user) continue;
                    if (!_users.TryGetValue(target, out List<Use>? uses)) _users[target] = uses = [];
                    uses.Add(new Use(user, i));
                }
            }
        }
        return _users.TryGetValue(atom, out List<Use>? found) ? found : [];
    }
}

/// <summary>A reference to an atom.</summary>
/// <param name="User">The atom that refers.</param>
/// <param name="Index">Which of its references.</param>
internal readonly record struct Use(Atom User, int Index);
