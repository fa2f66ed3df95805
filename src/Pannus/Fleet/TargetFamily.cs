using System.Globalization;
using Pannus.Linux;

namespace Pannus.Fleet;

/// <summary>A process and all that descend from it, as servers of several processes are.</summary>
public static class TargetFamily
{
    private const int ParentField = 1;

    /// <summary>The ids of a process and of its descendants that are there now, parents before children.</summary>
    public static IReadOnlyList<int> Of(int id)
    {
        ILookup<int, int> children = ProcFile.ProcessIds().Select(p => (Id: p, Parent: ParentOf(p))).ToLookup(p => p.Parent, p => p.Id);
        List<int> family = [id];
        HashSet<int> known = [id];
        for (int i = 0; i < family.Count; i++)
            foreach (int child in children[family[i]].Order())
                if (known.Add(child)) family.Add(child);
        return family;
    }

    // proc_pid_stat(5): after the name come the state and the parent.
    private static int ParentOf(int id)
    {
        if (ProcFile.TryRead($"/proc/{id}/stat") is not { Length: > 0 } stat) return 0;
        string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ', ParentField + 2);
        return fields.Length > ParentField && int.TryParse(fields[ParentField], CultureInfo.InvariantCulture, out int parent) ? parent : 0;
    }
}
