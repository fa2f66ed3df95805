using Pannus.Core;
using Pannus.Elf;
using Pannus.Targets;

namespace Pannus.Borrowing;

/// <summary>
/// Room for a few bytes of code in a target, without mapping anything: the tail of a code segment's last page. The
/// kernel maps whole pages, so behind the end of the segment lie bytes that are executable and belong to nobody.
/// </summary>
internal static class CodeCave
{
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
                ulong start = Page.Up(end, 16);
                ulong pageEnd = Page.Up(end);
                if (start + (ulong)length > pageEnd) continue;
                // A file's, or the kernel's vdso (which a static program may have to offer only): no memory that somebody
                // fills. What is written there is a copy of this process's own.
                if (target.Map.Find(start) is { } region && (region.Inode != 0 || region.Path == "[vdso]") && region.Contains(start + (ulong)length - 1)
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
