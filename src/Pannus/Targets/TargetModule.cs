using Pannus.Elf;

namespace Pannus.Targets;

/// <summary>An ELF file that is mapped into a target: the executable, a library, the dynamic linker or the vdso.</summary>
public sealed record TargetModule
{
    /// <summary>DT_SONAME where there is one, else the file name: what stands before <c>!</c> in a qualified name.</summary>
    public required string Name { get; init; }

    /// <summary>Path as the kernel prints it, without " (deleted)". In the target's mount namespace.</summary>
    public required string Path { get; init; }

    /// <summary>Whether this is the program itself (and not a library).</summary>
    public required bool IsExecutable { get; init; }

    /// <summary>Lowest mapped address.</summary>
    public required ulong Start { get; init; }

    /// <summary>Address after the highest mapped one.</summary>
    public required ulong End { get; init; }

    /// <summary>What to add to an address in the file (<c>p_vaddr</c>, <c>st_value</c>) to get one in memory.</summary>
    public required ulong LoadBias { get; init; }

    /// <summary>
    /// The file's contents, found through <c>/proc/PID/map_files</c> or <c>/proc/PID/root</c> and checked to be the
    /// mapped inode; an image read from the live memory (which has no section headers) when no file can be had.
    /// </summary>
    internal ElfImage Image { get; init; } = null!;

    /// <summary>NT_GNU_BUILD_ID in lower-case hex; empty when the module has none.</summary>
    public string BuildId => Image.BuildId;

    /// <summary>Whether an address lies between its lowest and its highest mapped one.</summary>
    internal bool Contains(ulong address) => address >= Start && address < End;

    /// <summary>Whether a stretch lies in one segment of the module; .bss, which the file does not hold, is a part of it.</summary>
    internal bool Holds(ulong address, ulong length) => Image.ProgramHeaders.Any(p => p.IsLoad
        && address - (LoadBias + p.VirtualAddress) is var offset && offset <= p.MemorySize && length <= p.MemorySize - offset);

    /// <summary>Whether the file was deleted or replaced since it was mapped.</summary>
    public required bool IsDeleted { get; init; }
}
