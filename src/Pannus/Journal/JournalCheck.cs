using Pannus.Core;
using Pannus.Targets;

namespace Pannus.Journal;

/// <summary>Holds writes, planned or recorded, against the modules of the target: no other memory is ever written.</summary>
internal static class JournalCheck
{
    /// <summary>
    /// The modules that writes go to. Error: <see cref="PatchErrorId.MemoryInaccessible"/> for one that lies in none.
    /// </summary>
    public static IReadOnlyList<JournalModule> ModulesOf(TargetProcess target, IReadOnlyList<PlannedWrite> writes)
    {
        List<JournalModule> modules = [];
        foreach (PlannedWrite write in writes)
        {
            TargetModule module = ModuleOf(target, write) ?? throw new PatchException(PatchErrorId.MemoryInaccessible,
                $"{write.DisplayName}: 0x{write.Address:x} lies in no module of {target.DisplayName}. If a map file gave the "
                + "address, is it this program's?");
            if (!modules.Exists(m => m.LoadBias == module.LoadBias && m.Name == module.Name))
                modules.Add(new JournalModule(module.Name, module.BuildId, module.LoadBias));
        }
        return modules;
    }

    /// <summary>
    /// Of recorded writes those that may be made: into the private memory of modules that are still those of the record. One
    /// whose module is gone has nothing left to take back. Error: <see cref="PatchErrorId.JournalDamaged"/> for an address that
    /// no honest record has.
    /// </summary>
    public static IReadOnlyList<PlannedWrite> Permitted(
        TargetProcess target, IEnumerable<JournalRecord> records, IReadOnlyList<PlannedWrite> writes)
    {
        HashSet<JournalModule> modules = [.. records.SelectMany(r => r.Modules)];
        List<PlannedWrite> permitted = [];
        foreach (PlannedWrite write in writes)
        {
            if (ModuleOf(target, write) is not { } module)
            {
                if (target.Map.Find(write.Address) is null) continue;
                throw Damaged(target, records, write, "lies in no module");
            }
            if (!modules.Contains(new JournalModule(module.Name, module.BuildId, module.LoadBias))) continue;
            if (target.Map.Find(write.Address) is not { } region || region.Access.HasFlag(MemoryAccess.Shared))
                throw Damaged(target, records, write, "is not private memory");
            permitted.Add(write);
        }
        return permitted;
    }

    private static PatchException Damaged(TargetProcess target, IEnumerable<JournalRecord> records, PlannedWrite write, string what) =>
        new(PatchErrorId.JournalDamaged, $"The record of {string.Join(" or ", records.Select(r => r.DisplayName))} in {target.DisplayName} is not trusted: "
            + $"{write.DisplayName} at 0x{write.Address:x} {what}. Nothing was changed.");

    private static TargetModule? ModuleOf(TargetProcess target, PlannedWrite write) =>
        target.Modules.FirstOrDefault(m => m.Holds(write.Address, (ulong)write.New.Length));
}
