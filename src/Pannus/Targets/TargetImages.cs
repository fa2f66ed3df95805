using Pannus.Core;
using Pannus.Elf;

namespace Pannus.Targets;

/// <summary>
/// The files that were opened for one target: its modules' and their separate debug files. All of them are mapped here, and
/// are freed together when the target is: whoever reads a symbol may do so as long as the target is open.
/// </summary>
internal sealed class TargetImages : IDisposable
{
    private readonly Dictionary<(MemoryRegion First, string File), ElfImage> _mapped = [];
    private readonly List<ElfImage> _images = [];
    private bool _isDisposed;

    /// <summary>
    /// The file behind a mapping of the target, by its path in map_files. It stays the same one however often the target's
    /// map is read: as long as it is mapped here its inode is no other file's. Null when it cannot be opened.
    /// </summary>
    public ElfImage? OpenMapped(in MemoryRegion first, string file, string displayName)
    {
        if (_mapped.TryGetValue((first, file), out ElfImage? known)) return known;
        return TryOpen(file, displayName) is { } image ? _mapped[(first, file)] = image : null;
    }

    /// <summary>Opens a file; null when it cannot be, or is none that can be read.</summary>
    public ElfImage? TryOpen(string path, string displayName)
    {
        try
        {
            return Open(path, displayName);
        }
        catch (PatchException)
        {
            return null;
        }
    }

    /// <summary>Opens a file. Errors: <see cref="PatchErrorId.PatchFileNotFound"/>, <see cref="PatchErrorId.PatchFileInvalid"/>.</summary>
    public ElfImage Open(string path, string displayName)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        ElfImage image = ElfImage.OpenFile(path, displayName);
        lock (_images) _images.Add(image);
        return image;
    }

    /// <summary>Frees one that turned out to be of no use.</summary>
    public void Close(ElfImage image)
    {
        lock (_images) _ = _images.Remove(image);
        image.Dispose();
    }

    public void Dispose()
    {
        _isDisposed = true;
        foreach (ElfImage image in _images) image.Dispose();
        _images.Clear();
        _mapped.Clear();
    }
}
