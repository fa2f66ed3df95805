using System.Management.Automation;
using Pannus.Images;

namespace Pannus.PowerShell;

/// <summary>Reads the commands of a command file, or those inside a patch file.</summary>
[Cmdlet(VerbsData.Import, "PatchCommand")]
[OutputType(typeof(PatchCommand))]
public sealed class ImportPatchCommandCommand : PatchCmdlet
{
    private string _path = "";

    /// <summary>Command files or patch files.</summary>
    [Parameter(Position = 0, Mandatory = true, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("FullName"), ValidateNotNullOrEmpty]
    public string[] Path { get; set; } = [];

    /// <inheritdoc/>
    protected override object? FileObject => _path;

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (string path in Path)
        {
            _path = path;
            PatchCommandSet set = Once(() => Read(FullPath(path)));
            if (set.Name != "") WriteVerbose($"name {set.Name}");
            if (set.BuildId != "") WriteVerbose($"build-id {set.BuildId}");
            WriteObject(set.Commands, enumerateCollection: true);
        }
    }

    private static PatchCommandSet Read(string path)
    {
        if (!IsElf(path)) return CommandFile.Read(path);
        using PatchFile patch = PatchFile.Open(path);
        return PatchInput.ReadEmbedded(patch);
    }

    // A missing file is left to CommandFile, which says so.
    private static bool IsElf(string path)
    {
        try
        {
            using FileStream file = File.OpenRead(path);
            Span<byte> magic = stackalloc byte[4];
            return file.ReadAtLeast(magic, magic.Length, throwOnEndOfStream: false) == 4
                && magic.SequenceEqual("\u007fELF"u8);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
