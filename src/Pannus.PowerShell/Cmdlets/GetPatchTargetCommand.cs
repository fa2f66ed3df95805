using System.Management.Automation;
using Pannus.Core;
using Pannus.Fleet;

namespace Pannus.PowerShell;

/// <summary>Finds processes that can be patched, and says of others why they can't.</summary>
[Cmdlet(VerbsCommon.Get, "PatchTarget", DefaultParameterSetName = "Name")]
[OutputType(typeof(PatchTarget))]
public sealed class GetPatchTargetCommand : PatchCmdlet
{
    private readonly HashSet<(int Id, ulong StartTicks)> _shown = [];

    /// <summary>Names; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "Name", Position = 0)]
    [SupportsWildcards, ArgumentCompleter(typeof(ProcessNameCompleter)), ValidateNotNullOrEmpty]
    public string[]? Name { get; set; }

    /// <summary>Process ids.</summary>
    [Parameter(ParameterSetName = "Id", Mandatory = true)]
    [ArgumentCompleter(typeof(TargetIdCompleter))]
    public int[] Id { get; set; } = [];

    /// <summary>Processes: ids, Process objects, or any object with an Id.</summary>
    [Parameter(ParameterSetName = "Input", Mandatory = true, ValueFromPipeline = true)]
    [TargetTransformation, ValidateNotNull]
    public PatchTargetReference? InputObject { get; set; }

    /// <summary>All descendants of each process that is found, too.</summary>
    [Parameter]
    public SwitchParameter Family { get; set; }

    /// <summary>Only processes that map this program or library: its name, path, end of its path, or build id.</summary>
    [Parameter, ValidateNotNullOrEmpty]
    public string? Module { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (ParameterSetName == "Input")
        {
            Attempt(InputObject, () => Found(TargetCatalog.Get(InputObject!.Id)));
        }
        else if (ParameterSetName == "Id")
        {
            foreach (int id in Id)
                Attempt(new PatchTargetReference(id), () => Found(TargetCatalog.Get(id)));
        }
        else if (Name is null)
        {
            foreach (PatchTarget target in TargetCatalog.GetAll(Cancellation)) Found(target);
        }
        else
        {
            WriteByName(Name);
        }
    }

    private void Found(PatchTarget target)
    {
        if (!Family)
        {
            Show(target);
            return;
        }
        foreach (int id in TargetFamily.Of(target.Id))
        {
            // One that ends meanwhile is no error of this list.
            if ((id == target.Id ? target : TargetCatalog.TryGet(id)) is { } member) Show(member with { FamilyId = target.Id });
        }
    }

    // A child is found by its own name and as one of a family.
    private void Show(PatchTarget target)
    {
        if (!_shown.Add((target.Id, target.StartTicks)) || (Module is not null && !ModuleUsers.IsMapped(target.Id, Module))) return;
        WriteObject(target);
    }

    // One pass over all processes, as a pass is what costs; each process once, in the order of /proc.
    private void WriteByName(string[] names)
    {
        WildcardPattern[] patterns = [.. names.Select(name => new WildcardPattern(name, WildcardOptions.IgnoreCase))];
        bool[] found = new bool[names.Length];
        foreach (PatchTarget target in TargetCatalog.GetAll(Cancellation))
        {
            // The kernel cuts the command name at 15 bytes, the file name is whole.
            string file = Path.GetFileName(target.Path);
            bool isWanted = false;
            for (int i = 0; i < patterns.Length; i++)
            {
                if (!patterns[i].IsMatch(target.Name) && !patterns[i].IsMatch(file)) continue;
                isWanted = found[i] = true;
            }
            if (isWanted) Found(target);
        }

        for (int i = 0; i < names.Length; i++)
        {
            if (found[i] || WildcardPattern.ContainsWildcardCharacters(names[i])) continue;
            string advice = int.TryParse(names[i], out _) ? $" For the process of that id use -Id {names[i]}." : "";
            var error = new PatchException(PatchErrorId.TargetNotFound, $"There is no process named '{names[i]}'.{advice}");
            WriteError(new ErrorRecord(error, error.Id.ToString(), ErrorCategory.ObjectNotFound, names[i]));
        }
    }
}
