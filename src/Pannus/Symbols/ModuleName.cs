using Pannus.Linux;
using Pannus.Targets;

namespace Pannus.Symbols;

/// <summary>
/// How a name tells modules apart: DT_SONAME or file name; a path or the end of one, also by links of the target's own file
/// system; a build id; and <c>~2</c> for the second of several.
/// </summary>
internal static class ModuleName
{
    /// <summary>The modules that a name means, in the dynamic linker's order; all of them when it names none.</summary>
    public static IReadOnlyList<TargetModule> Find(TargetProcess target, string name, int index)
    {
        if (name.Length == 0) return target.Modules;
        TargetModule[] found = [.. target.Modules.Where(m => IsOf(target, m, name))];
        return index == 0 ? found : index <= found.Length ? [found[index - 1]] : [];
    }

    /// <summary>Whether a module goes by this name.</summary>
    public static bool IsOf(TargetProcess target, TargetModule module, string name)
    {
        if (name == module.Name || name == Path.GetFileName(module.Path) || (name.Length > 0 && name == module.BuildId)) return true;
        if (!name.Contains('/')) return false;
        if (name == module.Path || module.Path.EndsWith("/" + name.TrimStart('/'), StringComparison.Ordinal) && name[0] != '/') return true;
        return name[0] == '/' && FileIdentity.Of(target.Root + name) is { } file && file == module.Image.Identity;
    }

    /// <summary>Whether two modules go by one name, so that a patch of one of them leaves the other as it is.</summary>
    public static bool AreTwins(TargetModule one, TargetModule other) =>
        one != other && (one.Name == other.Name || Path.GetFileName(one.Path) == Path.GetFileName(other.Path));

    /// <summary>The shortest name that means this module alone.</summary>
    public static string Unique(TargetProcess target, TargetModule module)
    {
        string[] names = [module.Name, module.Path];
        foreach (string name in names)
            if (Find(target, name, 0) is [{ } only] && only == module) return name;
        return $"{module.Name}~{Find(target, module.Name, 0).ToList().IndexOf(module) + 1}";
    }
}
