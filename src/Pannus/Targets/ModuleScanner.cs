using Pannus.Core;
using Pannus.Elf;
using Pannus.Linux;

namespace Pannus.Targets;

/// <summary>
/// Finds the ELF files in a memory map, their load bias and their contents. The file a mapping came from is read through
/// /proc/PID/map_files, which also reaches deleted and replaced files; by path only when that is the same build.
/// </summary>
internal static class ModuleScanner
{
    public static IReadOnlyList<TargetModule> Scan(TargetProcess target)
    {
        string? program = ProcFile.TryReadLink($"/proc/{target.ViewId}/exe");
        List<TargetModule> modules = [];
        // Patches are no part of the program, and there may be thousands of them.
        foreach (List<MemoryRegion> regions in Instances(target.Map.Regions.Where(r => MountName.FromRegion(r) is null)))
            if (TryRead(target, regions, program) is { } module) modules.Add(module);

        int executable = FindExecutable(target, modules, program);
        if (executable < 0)
        {
            throw new PatchException(PatchErrorId.PatchFileInvalid,
                $"The program of {target.DisplayName} cannot be found in its memory map as an ELF file.");
        }
        TargetModule first = modules[executable].IsExecutable ? modules[executable] : modules[executable] with { IsExecutable = true };
        modules.RemoveAt(executable);
        return [first, .. LinkMap.Order(target, first, modules)];
    }

    // The mappings of one file that belong together. A file mapped twice (dlmopen) begins again at offset 0.
    private static List<List<MemoryRegion>> Instances(IEnumerable<MemoryRegion> regions)
    {
        var open = new Dictionary<(ulong, ulong), List<MemoryRegion>>();
        var all = new List<List<MemoryRegion>>();
        foreach (MemoryRegion region in regions)
        {
            bool isVdso = region.Path == "[vdso]";
            if (!isVdso && (region.Inode == 0 || region.Path.StartsWith("/dev/", StringComparison.Ordinal))) continue;
            (ulong, ulong) key = isVdso ? (0, 0) : (region.Device, region.Inode);
            if (!open.TryGetValue(key, out List<MemoryRegion>? list) || (region.Offset == 0 && list.Any(r => r.Offset > 0)))
            {
                open[key] = list = [];
                all.Add(list);
            }
            list.Add(region);
        }
        return all;
    }

    /// <summary>Reads one module by its mappings; null when they are none's.</summary>
    public static TargetModule? TryRead(TargetProcess target, IReadOnlyList<MemoryRegion> regions, string? program = null)
    {
        if (MountName.FromRegion(regions[0]) is not null) regions = ImageOf(regions);
        if (regions.Count == 0) return null;
        MemoryRegion first = regions[0];
        Span<byte> magic = stackalloc byte[4];
        // A module has code or at least its first page mapped: data files that happen to be ELF are not modules.
        if (first.Offset != 0 || target.Memory.Read(first.Start, magic) != 4 || !magic.SequenceEqual("\u007fELF"u8)) return null;
        if (!regions.Any(r => r.Access.HasFlag(MemoryAccess.Execute))) return null;

        string path = first.Path.EndsWith(" (deleted)", StringComparison.Ordinal) ? first.Path[..^10] : first.Path;
        if (OpenImage(target, first, path) is not { } image) return null;
        if (Bias(image, regions) is not { } bias) return null;
        string? patch = MountName.FromRegion(first);
        return new TargetModule
        {
            Name = patch ?? (image.SoName is { Length: > 0 } soname ? soname : path[(path.LastIndexOf('/') + 1)..]),
            Path = path,
            IsExecutable = first.Path == program,
            Start = first.Start,
            End = regions[^1].End,
            LoadBias = bias,
            Image = image,
            IsDeleted = path.Length != first.Path.Length,
        };
    }

    // A patch's memfd also holds its record and its long-jump pages, which lie elsewhere than the offset says.
    private static MemoryRegion[] ImageOf(IReadOnlyList<MemoryRegion> patch)
    {
        MemoryRegion first = patch.FirstOrDefault(r => r.Offset == 0);
        return [.. patch.Where(r => first.End > 0 && r.Start - r.Offset == first.Start)];
    }

    private static ElfImage? OpenImage(TargetProcess target, in MemoryRegion first, string path)
    {
        bool isFile = first.Inode != 0 && MountName.FromRegion(first) is null;
        string file = $"/proc/{target.ViewId}/map_files/{first.Start:x}-{first.End:x}";
        if (isFile && target.Images.OpenMapped(first, file, path) is { } mapped) return mapped;
        ElfImage? live = null;
        try
        {
            live = ElfImage.FromMemory(target.Memory, first.Start, path);
        }
        catch (PatchException)
        {
            // No module after all, or one that has overwritten its own headers.
        }
        // map_files asks for more privilege than ptrace does; the path will do when it leads to the same build.
        if (!isFile || target.Images.TryOpen(target.Root + path, path) is not { } named) return live;
        if (IsSame(named, live, target, first)) return named;
        target.Images.Close(named);
        return live;
    }

    private static bool IsSame(ElfImage file, ElfImage? live, TargetProcess target, in MemoryRegion first)
    {
        if (file.BuildId.Length > 0 && live is not null) return file.BuildId == live.BuildId;
        byte[] inMemory = new byte[Math.Min(Page.Size, (int)first.Size)], inFile = new byte[inMemory.Length];
        ulong? start = file.ProgramHeaders.FirstOrDefault(p => p.IsLoad && p.Offset == 0)?.VirtualAddress;
        return start is { } at && target.Memory.Read(first.Start, inMemory) == inMemory.Length
            && file.TryReadVirtual(at, inFile) && inMemory.AsSpan().SequenceEqual(inFile);
    }

    // gABI, "Program Loading": a segment lies at load bias + p_vaddr, and the page its file offset falls into is the one
    // that the mapping starts with.
    private static ulong? Bias(ElfImage image, IReadOnlyList<MemoryRegion> regions)
    {
        foreach (ProgramHeader segment in image.ProgramHeaders)
        {
            if (!segment.IsLoad || segment.FileSize == 0) continue;
            ulong offset = Page.Down(segment.Offset);
            foreach (MemoryRegion region in regions)
                if (region.Offset == offset) return region.Start - (Page.Down(segment.VirtualAddress));
        }
        return null;
    }

    // AT_PHDR of the auxiliary vector names the program however it was started, also by ld.so PROGRAM.
    private static int FindExecutable(TargetProcess target, List<TargetModule> modules, string? program)
    {
        int byPath = modules.FindIndex(m => m.IsExecutable);
        if (modules.Count == 0 || ProgramHeadersAddress(target, modules[Math.Max(byPath, 0)].Image.Word) is not { } headers) return byPath;
        int byHeaders = modules.FindIndex(m => m.Contains(headers));
        return byHeaders >= 0 ? byHeaders : byPath;
    }

    private static ulong? ProgramHeadersAddress(TargetProcess target, MachineWord word)
    {
        byte[] vector;
        try
        {
            vector = File.ReadAllBytes($"/proc/{target.ViewId}/auxv");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
        const ulong atPhdr = 3;
        for (int at = 0; at + 2 * word.Size <= vector.Length; at += 2 * word.Size)
            if (word.Read(vector.AsSpan(at)) == atPhdr) return word.Read(vector.AsSpan(at + word.Size));
        return null;
    }
}
