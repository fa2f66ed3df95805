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
        foreach (MemoryRegion region in target.Map.Regions)
        {
            // Patches are no part of the program, and there may be thousands of them.
            bool isFile = region.Inode != 0 && MountName.FromRegion(region) is null && !region.Path.StartsWith("/dev/", StringComparison.Ordinal);
            if ((isFile || region.Path == "[vdso]") && TryReadAt(target, region, program) is { } module) modules.Add(module);
        }

        int executable = FindExecutable(target, modules, program);
        if (executable < 0)
        {
            throw new PatchException(PatchErrorId.MemoryInaccessible,
                $"The program of {target.DisplayName} cannot be found in its memory map as an ELF file.");
        }
        // Started by ld.so PROGRAM, /proc/PID/exe is the dynamic linker.
        TargetModule first = modules[executable] with { IsExecutable = true };
        modules.RemoveAt(executable);
        for (int i = 0; i < modules.Count; i++) modules[i] = modules[i] with { IsExecutable = false };
        return [first, .. LinkMap.Order(target, first, modules)];
    }

    /// <summary>Reads a patch as a module, by its mappings; null when they are none's.</summary>
    public static TargetModule? TryReadPatch(TargetProcess target, IReadOnlyList<MemoryRegion> regions)
    {
        MemoryRegion[] image = ImageOf(regions);
        if (image.Length == 0 || !IsElf(target, image[0]) || OpenImage(target, image[0], image[0].Path) is not { } elf) return null;
        return Bias(elf, image) is not { } bias ? null : new TargetModule
        {
            Name = MountName.FromRegion(image[0])!, Path = TargetText.Clean(image[0].Path), IsExecutable = false, IsDeleted = true,
            Start = image[0].Start, End = image[^1].End, LoadBias = bias, Image = elf,
        };
    }

    // A module that has its first page in a mapping; null when that is only data, which ELF files may be.
    private static TargetModule? TryReadAt(TargetProcess target, in MemoryRegion first, string? program)
    {
        if (!IsElf(target, first)) return null;
        string path = first.Path.EndsWith(" (deleted)", StringComparison.Ordinal) ? first.Path[..^10] : first.Path;
        if (OpenImage(target, first, path) is not { } image) return null;
        if (ModuleExtent.Prove(target, image, first) is not { } extent) return null;
        return new TargetModule
        {
            Name = image.SoName is { Length: > 0 } soname ? soname : TargetText.Clean(path[(path.LastIndexOf('/') + 1)..]),
            Path = TargetText.Clean(path),
            IsExecutable = first.Path == program,
            Start = extent.Range.Start,
            End = extent.Range.End,
            LoadBias = extent.Bias,
            Image = image,
            IsDeleted = path.Length != first.Path.Length,
        };
    }

    private static bool IsElf(TargetProcess target, in MemoryRegion first)
    {
        Span<byte> magic = stackalloc byte[4];
        return first.Offset == 0 && target.Memory.Read(first.Start, magic) == magic.Length && magic.SequenceEqual("\u007fELF"u8);
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
        const ulong atPhdr = 3;
        return AuxiliaryVector.Find(target, word, atPhdr);
    }
}
