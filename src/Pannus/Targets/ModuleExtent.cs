using Pannus.Core;
using Pannus.Elf;

namespace Pannus.Targets;

/// <summary>
/// Where a module lies, proved: each of its segments has mappings with the right rights at the right place (gABI, "Program
/// Loading"). A program may have the same file mapped as data too, whole or in part, wherever it likes.
/// </summary>
internal static class ModuleExtent
{
    private const ulong PageMask = 0xfff;
    private const int Samples = 16, SampleLength = 64;

    /// <summary>
    /// The load bias that a file has when its first page is the mapping <paramref name="header"/>, and what it takes; null when it
    /// is not loaded there.
    /// </summary>
    public static (ulong Bias, AddressRange Range)? Prove(TargetProcess target, ElfImage image, MemoryRegion header)
    {
        ProgramHeader[] loads = [.. image.ProgramHeaders.Where(p => p.IsLoad && p.MemorySize > 0)];
        if (loads.FirstOrDefault(p => (p.Offset & ~PageMask) == header.Offset && p.FileSize > 0) is not { } first) return null;
        bool hasCode = loads.Any(p => p.Access.HasFlag(MemoryAccess.Execute));
        ulong bias = image.Word.Wrap(header.Start - (first.VirtualAddress & ~PageMask)), start = ulong.MaxValue, end = 0;
        foreach (ProgramHeader load in loads)
        {
            ulong from = image.Word.Wrap(bias + (load.VirtualAddress & ~PageMask));
            ulong fileEnd = image.Word.Wrap(bias + load.VirtualAddress + load.FileSize + PageMask) & ~PageMask;
            // Where there is code, that tells a module from data; its variables a program may have made read-only.
            bool mayBeReadOnly = hasCode && !load.Access.HasFlag(MemoryAccess.Execute);
            var pages = new AddressRange(from, fileEnd - from);
            if (fileEnd < from || !IsLoaded(target, image, load, bias, pages, header, mayBeReadOnly)) return null;
            start = Math.Min(start, from);
            end = Math.Max(end, Math.Max(fileEnd, EndOfZeros(target, image.Word.Wrap(bias + load.VirtualAddress + load.MemorySize), fileEnd)));
        }
        return (bias, new AddressRange(start, end - start));
    }

    private static bool IsLoaded(TargetProcess target, ElfImage image, ProgramHeader load, ulong bias, AddressRange pages,
        in MemoryRegion header, bool mayBeReadOnly)
    {
        for (ulong at = pages.Start; at < pages.End;)
        {
            if (target.Map.Find(at) is not { } region || region.Access.HasFlag(MemoryAccess.Shared)) return false;
            if (!mayBeReadOnly && !HasRights(image, load, bias, region, at)) return false;
            bool isSameFile = region.Inode == header.Inode && region.Device == header.Device;
            ulong offset = region.Offset + (at - region.Start);
            if (isSameFile && offset != (load.Offset & ~PageMask) + (at - pages.Start)) return false;
            var stretch = new AddressRange(at, Math.Min(region.End, pages.End) - at);
            // Programs move their code to other (huge) pages: what is there must be what the file has.
            if (!isSameFile && !load.Access.HasFlag(MemoryAccess.Write) && !HasContents(target, image, bias, stretch)) return false;
            at = stretch.End;
        }
        return true;
    }

    private static bool HasRights(ElfImage image, ProgramHeader load, ulong bias, in MemoryRegion region, ulong at)
    {
        if (load.Access.HasFlag(MemoryAccess.Execute)) return region.Access.HasFlag(MemoryAccess.Execute);
        // PT_GNU_RELRO: read-only once it is relocated.
        return !load.Access.HasFlag(MemoryAccess.Write) || region.Access.HasFlag(MemoryAccess.Write)
            || image.ProgramHeaders.Any(p => p.Type == ProgramHeaderType.GnuRelro
                && at - ((bias + p.VirtualAddress) & ~PageMask) < p.MemorySize + PageMask);
    }

    // By samples, of which patches may have changed some.
    private static bool HasContents(TargetProcess target, ElfImage image, ulong bias, AddressRange stretch)
    {
        Span<byte> now = stackalloc byte[SampleLength], file = stackalloc byte[SampleLength];
        int seen = 0, same = 0;
        for (ulong i = 0; i < Samples; i++)
        {
            ulong at = stretch.Start + (stretch.Length / Samples * i & ~(ulong)(SampleLength - 1));
            if (!image.TryReadVirtual(at - bias, file) || target.Memory.Read(at, now) != now.Length) continue;
            seen++;
            same += now.SequenceEqual(file) ? 1 : 0;
        }
        return same > 0 && same * 4 >= seen * 3;
    }

    // .bss behind the pages of the file is anonymous memory.
    private static ulong EndOfZeros(TargetProcess target, ulong end, ulong fileEnd)
    {
        ulong at = fileEnd;
        while (at < end && target.Map.Find(at) is { Inode: 0 } region) at = region.End;
        return Math.Min(at, (end + PageMask) & ~PageMask);
    }
}
