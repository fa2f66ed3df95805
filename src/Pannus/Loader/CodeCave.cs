using Pannus.Elf;
using Pannus.Target;

namespace Pannus.Loader;

/// <summary>
/// Room for a few bytes of code in a target, without mapping anything: the tail of a code segment's last page. The
/// kernel maps whole pages, so behind the end of the segment lie bytes that are executable and belong to nobody.
/// </summary>
internal static class CodeCave
{
    private const ulong PageSize = 4096;

    /// <summary>
    /// Address of <paramref name="length"/> unused executable bytes, aligned to 16. Error:
    /// <see cref="PatchErrorId.NoAddressSpace"/>.
    /// </summary>
    public static ulong Find(TargetProcess target, int length)
    {
        foreach (TargetModule module in target.Modules)
        {
            foreach (ProgramHeader segment in module.Image.ProgramHeaders)
            {
                if (!segment.IsLoad || !segment.Access.HasFlag(MemoryAccess.Execute)) continue;
                ulong end = module.LoadBias + segment.VirtualAddress + segment.MemorySize;
                ulong start = (end + 15) & ~15ul;
                ulong pageEnd = (end + PageSize - 1) & ~(PageSize - 1);
                if (start + (ulong)length > pageEnd) continue;
                // Private and from a file: not a writable or shared mapping that somebody else fills.
                if (target.Map.Find(start) is { Inode: not 0 } region && region.Contains(start + (ulong)length - 1)
                    && (region.Access & (MemoryAccess.Execute | MemoryAccess.Write | MemoryAccess.Shared)) == MemoryAccess.Execute)
                {
                    return start;
                }
            }
        }
        throw new PatchException(PatchErrorId.NoAddressSpace,
            $"No module of {target.DisplayName} has {length} unused bytes behind its code, which loading a patch needs for an instant.");
    }
}
