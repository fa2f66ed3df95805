using Pannus.Fleet;

namespace Pannus.PowerShell;

/// <summary>
/// The members of families that a cmdlet has come to. Processes that were born while it was at work are found by further
/// passes, until one finds nobody new.
/// </summary>
internal sealed class FamilyPasses
{
    private const int MostPasses = 1000;

    private readonly HashSet<int> _families = [];
    private readonly HashSet<(int Id, ulong StartTicks)> _done = [];

    /// <summary>Notes a target that the user gave, and whether its family is meant as well.</summary>
    public void Add(PatchTargetReference target, bool isFamily)
    {
        if (isFamily) _families.Add(target.Id);
        if (target.Source is PatchTarget { FamilyId: > 0 } member) _families.Add(member.FamilyId);
        if (_families.Count > 0 && TargetCatalog.TryGet(target.Id) is { } found) _done.Add((found.Id, found.StartTicks));
    }

    /// <summary>Does the work on each member that has not been come to.</summary>
    public void Run(Action<PatchTargetReference> work, CancellationToken cancellation)
    {
        bool isNew = _families.Count > 0;
        for (int pass = 0; isNew && pass < MostPasses; pass++)
        {
            isNew = false;
            foreach (int id in _families.SelectMany(TargetFamily.Of).Distinct().ToArray())
            {
                if (cancellation.IsCancellationRequested) return;
                if (TargetCatalog.TryGet(id) is not { } member || !_done.Add((id, member.StartTicks))) continue;
                isNew = true;
                work(new PatchTargetReference(member));
            }
        }
    }
}
