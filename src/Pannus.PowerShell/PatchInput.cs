using Pannus.Core;
using Pannus.Images;

namespace Pannus.PowerShell;

/// <summary>A patch file and its commands: what is the same for all targets, read and checked once.</summary>
internal sealed record PatchInput(PatchFile Patch, PatchCommandSet Commands) : IDisposable
{
    /// <summary>The patch's own name, else its file name.</summary>
    public string Name => Commands.Name != "" ? Commands.Name : Patch.FileName;

    /// <summary>Reads both; without a command file the commands are those inside the patch file.</summary>
    public static PatchInput Read(string path, string? commandFile)
    {
        PatchFile patch = PatchFile.Open(path);
        try
        {
            return new PatchInput(patch, commandFile is null ? ReadEmbedded(patch) : CommandFile.Read(commandFile));
        }
        catch
        {
            patch.Dispose();
            throw;
        }
    }

    /// <summary>The commands in a patch's section .pannus. Errors: <see cref="PatchErrorId.CommandInvalid"/>.</summary>
    public static PatchCommandSet ReadEmbedded(PatchFile patch) => CommandFile.ReadEmbedded(patch)
        ?? throw new PatchException(PatchErrorId.CommandInvalid, $"{patch.Path} has no commands inside (no section .pannus, "
            + "which the macros of pannus.h write). Give a command file with -CommandFile.");

    /// <summary>What it would do, for questions to the user: <c>Apply live patch X (1 jump, 2 pointers)</c>.</summary>
    public string Action
    {
        get
        {
            (PatchCommandKind Kind, string Noun)[] kinds =
                [(PatchCommandKind.Jump, "jump"), (PatchCommandKind.Variable, "variable"), (PatchCommandKind.Pointer, "pointer")];
            IEnumerable<string> counts = kinds.Select(k => (Number: Commands.Commands.Count(c => c.Kind == k.Kind), k.Noun))
                .Where(c => c.Number > 0).Select(c => DisplayText.Count(c.Number, c.Noun));
            return $"Apply live patch {Name} ({string.Join(", ", counts)})";
        }
    }

    public void Dispose() => Patch.Dispose();
}
