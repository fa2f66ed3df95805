using System.Globalization;
using System.Management.Automation;
using Pannus.Authoring.Making;
using Pannus.Core;
using Pannus.Targets;

namespace Pannus.PowerShell;

/// <summary>
/// What a patch is made for: the path of a program or library, or a process in every spelling that other cmdlets take; then
/// it is the process's program and all its libraries.
/// </summary>
public sealed class PatchTargetFile
{
    private readonly string? _path;
    private readonly PatchTargetReference? _process;

    /// <summary>Conversion for PowerShell. Throws <see cref="PSInvalidCastException"/> with advice.</summary>
    public PatchTargetFile(object value)
    {
        object? source = value is PSObject item ? item.BaseObject : value;
        _path = source switch
        {
            string text when !int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out _) => text,
            FileInfo file => file.FullName,
            _ => null,
        };
        if (_path is null) _process = new PatchTargetReference(value);
    }

    /// <summary>
    /// The files. Errors: <see cref="PatchErrorId.PatchFileNotFound"/>, and those of opening a process.
    /// </summary>
    internal IReadOnlyList<TargetFile> Files(Func<string, string> fullPath)
    {
        if (_path is not null)
        {
            string full = fullPath(_path);
            return File.Exists(full) ? [new TargetFile(full, full)]
                : throw new PatchException(PatchErrorId.PatchFileNotFound, $"There is no file {full}.");
        }
        using TargetProcess process = _process!.Open();
        return [.. process.Modules.Select(m => FileOf(process, m)).OfType<TargetFile>()];
    }

    /// <inheritdoc/>
    public override string ToString() => _path ?? _process!.ToString();

    // The file may have been deleted or replaced since; then the mapping itself still leads to it.
    private static TargetFile? FileOf(TargetProcess process, TargetModule module)
    {
        if (!module.IsDeleted && process.Root + module.Path is var path && File.Exists(path)) return new TargetFile(path, module.Path);
        string start = module.Start.ToString("x", CultureInfo.InvariantCulture) + "-";
        string? range = File.ReadLines($"/proc/{process.Id}/maps").FirstOrDefault(l => l.StartsWith(start, StringComparison.Ordinal))?.Split(' ')[0];
        string mapped = $"/proc/{process.Id}/map_files/{range}";
        return range is not null && File.Exists(mapped) ? new TargetFile(mapped, module.Path) : null;
    }
}
