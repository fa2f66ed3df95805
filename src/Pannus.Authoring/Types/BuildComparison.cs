using System.Collections.Concurrent;

namespace Pannus.Authoring.Types;

/// <summary>Compares the types of two builds by their debug information.</summary>
/// <param name="exports">Functions that other modules can call by name.</param>
/// <param name="isLibrary">Whether others are linked with it, so that they do.</param>
internal sealed class BuildComparison(IReadOnlySet<string> exports, bool isLibrary) : IBuildComparison
{
    private readonly ConcurrentDictionary<string, Lazy<ObjectTypes>> _read = new();

    /// <inheritdoc/>
    public IReadOnlyList<PatchFinding> CompareTypes(IReadOnlyList<ObjectPair> objects, IReadOnlyList<PatchedFunction> replaced)
    {
        ObjectPair[] changed = [.. objects.Where(o => o.Original is not null && o.Patched is not null && !IsSame(o.Original, o.Patched))];
        Parallel.ForEach(changed, o =>
        {
            _ = Read(o.Original!);
            _ = Read(o.Patched!);
        });
        HashSet<string> names = [.. replaced.SelectMany(f => Names(f.Name))];
        List<PatchFinding> findings = [];
        var layouts = new LayoutFindings([.. changed.Select(o => (Read(o.Original!), Read(o.Patched!)))], names);
        findings.AddRange(layouts.Find());
        HashSet<string> seen = [];
        foreach (ObjectPair pair in changed)
        {
            (ObjectTypes was, ObjectTypes now) = (Read(pair.Original!), Read(pair.Patched!));
            if (!was.HasDebugInformation || !now.HasDebugInformation)
                findings.Add(new PatchFinding(PatchFindingKind.NotCompared, PatchFindingSeverity.Warning, $"{pair.Name} has no debug "
                    + "information, so the types of both builds were not compared. Compile it with -g.") { File = pair.Name });
            findings.AddRange(Prototypes(was, now).Where(f => seen.Add(f.Symbol)));
            findings.AddRange(ConstantFindings.Find(was, now, names).Where(f => seen.Add(f.Symbol)));
        }
        return findings;
    }

    /// <inheritdoc/>
    public SourcePlace? Locate(string objectPath, string symbol)
    {
        ObjectTypes types = Read(objectPath);
        foreach (string name in Names(symbol))
        {
            if (types.Functions.TryGetValue(name, out FunctionShape? function) && function.Place is { } place) return place;
            if (types.Variables.TryGetValue(name, out VariableShape? variable) && variable.Place is { } declared) return declared;
        }
        return types.Variables.Values.FirstOrDefault(v => v.Name.EndsWith($"()::{Names(symbol).Last()}", StringComparison.Ordinal))?.Place;
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> InlinedInto(string objectPath, string symbol)
    {
        ObjectTypes types = Read(objectPath);
        foreach (string name in Names(symbol))
            if (types.Functions.TryGetValue(name, out FunctionShape? function)) return [.. function.Inlined];
        return [];
    }

    /// <summary>The compiler and its flags that an object names; null where it names none.</summary>
    public string? Producer(string objectPath) => Read(objectPath).Producer;

    // Callers within the program were compiled again and are replaced where their code differs; others were not.
    private IEnumerable<PatchFinding> Prototypes(ObjectTypes was, ObjectTypes now)
    {
        foreach (FunctionShape before in was.Functions.Values)
        {
            if (!before.HasCode || !before.IsExternal || !exports.Contains(before.Name)
                || !now.Functions.TryGetValue(before.Name, out FunctionShape? after) || !after.HasCode) continue;
            if (before.Result == after.Result && before.Parameters.SequenceEqual(after.Parameters)) continue;
            if (before.Result == "void" && before.Parameters.SequenceEqual(after.Parameters)) continue; // Nobody looks at the result.
            yield return new PatchFinding(PatchFindingKind.Prototype,
                isLibrary ? PatchFindingSeverity.Refusal : PatchFindingSeverity.Warning,
                $"{before.DisplayName} was '{before.Signature}' and is '{after.Signature}'. "
                + (isLibrary ? "Other modules call it as it was. Give the new one another name and keep the old one beside it."
                    : "A module that is loaded into the program may call it as it was."))
            {
                Symbol = before.Name, File = after.Place?.File ?? "", Line = after.Place?.Line ?? 0,
            };
        }
    }

    private ObjectTypes Read(string path) => _read.GetOrAdd(path, p => new Lazy<ObjectTypes>(() => ObjectTypes.Read(p))).Value;

    private static bool IsSame(string a, string b) =>
        a == b || new FileInfo(a).Length == new FileInfo(b).Length && File.ReadAllBytes(a).AsSpan().SequenceEqual(File.ReadAllBytes(b));

    // work.constprop.0 and work.part.0.cold are parts of work.
    private static IEnumerable<string> Names(string symbol)
    {
        yield return symbol;
        int dot = symbol.IndexOf('.', Math.Min(1, symbol.Length));
        if (dot > 0) yield return symbol[..dot];
    }
}
