using Pannus.Authoring.Binary;
using Pannus.Core;
using Pannus.Machines;

namespace Pannus.Authoring.Objects;

/// <summary>The objects that are open. One that both builds have is opened once.</summary>
internal sealed class ObjectStore : IDisposable
{
    private readonly Dictionary<string, BuildObject> _byPath = new(StringComparer.Ordinal);

    /// <summary>Opens an object; null for no path. Errors as of <see cref="BuildObject.Open"/>.</summary>
    public BuildObject? Open(string name, string? path, TargetBinary target)
    {
        if (path is null) return null;
        if (_byPath.TryGetValue(path, out BuildObject? known)) return known;
        BuildObject o = BuildObject.Open(name, path);
        _byPath.Add(path, o);
        TargetArchitecture wanted = target.Architecture;
        return o.Architecture == wanted ? o : throw new PatchException(PatchErrorId.ArchitectureMismatch,
            $"{path} is for {o.Architecture.DisplayName}, and the target for {wanted.DisplayName}. Compile with "
                + $"{wanted.CompilerOption}.");
    }

    public void Dispose()
    {
        foreach (BuildObject o in _byPath.Values) o.Dispose();
    }
}
