using Pannus.Elf;

namespace Pannus.Authoring.Building;

/// <summary>Copies of the objects of a build, which the next build would overwrite.</summary>
internal sealed class KeptObjects(string folder, string tree)
{
    private static readonly string[] s_systemFolders = ["/usr/", "/lib/", "/lib32/", "/lib64/", "/opt/"];

    private readonly Dictionary<(string Path, string Member), IReadOnlyList<StoredObject>> _kept = [];
    private readonly Dictionary<string, ArchiveFile> _archives = [];
    private int _number;

    /// <summary>The objects of a link that belong to the build, in their order.</summary>
    public IReadOnlyList<StoredObject> Keep(LinkRecord link) => [.. link.Inputs.Where(i => !IsOfSystem(i.Path)).SelectMany(Keep)];

    private bool IsOfSystem(string path) =>
        !path.StartsWith(tree + "/", StringComparison.Ordinal) && s_systemFolders.Any(f => path.StartsWith(f, StringComparison.Ordinal));

    private IReadOnlyList<StoredObject> Keep(LinkInput input)
    {
        if (_kept.TryGetValue((input.Path, input.Member), out IReadOnlyList<StoredObject>? known)) return known;
        List<StoredObject> found = [];
        string name = Path.GetRelativePath(tree, input.Path);
        if (input.Member != "")
        {
            if (!_archives.TryGetValue(input.Path, out ArchiveFile? archive))
                _archives[input.Path] = archive = ArchiveFile.Read(input.Path);
            int number = 0;
            foreach (byte[] content in archive.Find(input.Member))
                found.Add(Store($"{name}({input.Member}){(number++ > 0 ? $"#{number}" : "")}", content));
        }
        else if (IsObject(input.Path))
        {
            byte[] content = File.ReadAllBytes(input.Path);
            found.Add(Store(input.IsTemporary ? SourceName(input.Path) : name, content));
        }
        return _kept[(input.Path, input.Member)] = found;
    }

    private StoredObject Store(string name, byte[] content)
    {
        Directory.CreateDirectory(folder);
        string path = Path.Combine(folder, $"{_number++}.o");
        File.WriteAllBytes(path, content);
        return new StoredObject(name, path);
    }

    private static bool IsObject(string path)
    {
        Span<byte> start = stackalloc byte[18];
        using FileStream stream = File.OpenRead(path);
        return stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) == start.Length
            && start[..4].SequenceEqual("\u007fELF"u8) && start[16] == (byte)ElfType.Rel;
    }

    // Compiled and linked in one step: the object's name is a random one, but it names its source.
    private static string SourceName(string path)
    {
        using ElfImage image = ElfImage.OpenFile(path);
        foreach (ElfSymbol s in image.SymbolTable)
            if (s.Type == ElfSymbolType.File && s.Name != "") return s.Name;
        return Path.GetFileName(path);
    }
}

/// <summary>An object of a build and where its copy lies.</summary>
internal sealed record StoredObject(string Name, string Path);
