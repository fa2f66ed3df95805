using System.Management.Automation;
using Pannus.Core;
using Pannus.Fleet;

namespace Pannus.PowerShell;

/// <summary>Finds processes that can be patched, and says of others why they can't.</summary>
[Cmdlet(VerbsCommon.Get, "PatchTarget", DefaultParameterSetName = "Name")]
[OutputType(typeof(PatchTarget))]
public sealed class GetPatchTargetCommand : PatchCmdlet
{
    /// <summary>Names; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "Name", Position = 0)]
    [SupportsWildcards, ArgumentCompleter(typeof(ProcessNameCompleter)), ValidateNotNullOrEmpty]
    public string[]? Name { get; set; }

    /// <summary>Process ids.</summary>
    [Parameter(ParameterSetName = "Id", Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(TargetIdCompleter))]
    public int[] Id { get; set; } = [];

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (ParameterSetName == "Id")
        {
            foreach (int id in Id)
                Attempt(new PatchTargetReference(id), () => WriteObject(TargetCatalog.Get(id)));
        }
        else if (Name is null)
        {
            foreach (PatchTarget target in TargetCatalog.GetAll(Cancellation)) WriteObject(target);
        }
        else
        {
            WriteByName(Name);
        }
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
            if (isWanted) WriteObject(target);
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
