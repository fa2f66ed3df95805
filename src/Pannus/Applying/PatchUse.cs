using Pannus.Backends;
using Pannus.Core;
using Pannus.Holding;
using Pannus.Journal;
using Pannus.Safety;
using Pannus.Symbols;
using Pannus.Targets;

namespace Pannus.Applying;

/// <summary>
/// Whether anything in a target still leads into a patch's memory. Everything here can only refuse wrongly: what looks
/// like a jump, a pointer or a return address counts as one.
/// </summary>
internal sealed class PatchUse(TargetProcess target, IReadOnlyList<MemoryRegion> regions)
{
    private const ulong MostMemory = 4ul << 30;

    private readonly AddressWords _words = new(target, regions);

    // What unwinders are told of a patch is no way into it, and goes with it.
    private readonly HashSet<ulong> _unwindTables = [.. TargetJournal.Read(target).Entries.Where(UnwindRanges.IsRuntime)
        .SelectMany(e => e.Regions).Where(r => r.Access.HasFlag(MemoryAccess.Write)).Select(r => r.Start)];

    /// <summary>
    /// What in the code or data of a module, or in another patch, leads into this one: where it is, for a message; null when
    /// nothing does.
    /// </summary>
    public string? FindLink()
    {
        // A record says what was where; nothing is followed from there.
        HashSet<ulong> records = [.. TargetJournal.Read(target).Entries.Select(e => e.Segment.Address)];
        foreach (MemoryRegion region in target.Map.Regions)
        {
            if (records.Contains(region.Start)) continue;
            bool isPatch = MountName.FromRegion(region) is not null;
            bool isCode = region.Access.HasFlag(MemoryAccess.Execute);
            if (IsLeftOut(region) || !(isCode || isPatch || IsModuleData(region))) continue;
            var range = new AddressRange(region.Start, region.Size);
            ulong? at = !isCode ? _words.Find(range) : isPatch ? _words.FindOperand(range) ?? _words.FindUnaligned(range) : _words.FindJump(range);
            if (at is { } found) return $"{(isCode ? "the code" : "a pointer")} at {SymbolAt.Describe(target, found)} (0x{found:x})";
        }
        return null;
    }

    /// <summary>
    /// What anywhere in the memory that the program may take a pointer from looks like an address in the patch; null when
    /// nothing does. That is not only what it may write now: memory that it has made read-only or inaccessible holds what it
    /// has written before. What lies under a stack pointer is left out: nobody comes back to that.
    /// </summary>
    public string? FindPointer(IReadOnlyCollection<HeldThread> threads)
    {
        using PageMap pages = PageMap.Open(target);
        ulong searched = 0;
        foreach (MemoryRegion region in target.Map.Regions)
        {
            if (!MayHoldPointers(region)) continue;
            ulong start = FirstInUse(region, threads);
            foreach (AddressRange used in pages.Used(new AddressRange(region.Start, region.Size), ownOnly: !region.Access.HasFlag(MemoryAccess.Shared)))
            {
                if (used.End <= start) continue;
                var range = used.Start >= start ? used : new AddressRange(start, used.End - start);
                searched += range.Length;
                if (searched > MostMemory) return $"more than {MostMemory >> 30} GiB of memory, which is not searched";
                bool isCode = region.Access.HasFlag(MemoryAccess.Execute);
                if ((isCode ? _words.FindUnaligned(range) : _words.Find(range) ?? _words.FindMangled(range)) is { } at)
                    return $"what looks like a pointer at 0x{at:x}";
            }
        }
        return null;
    }

    /// <summary>
    /// A thread that is inside, or has an address inside in a register or on its stack, as a message names it; null when there
    /// is none. Of threads that are left asleep the registers are not known, so that they count as well. Gives all threads.
    /// </summary>
    public string? FindThread(ITargetBackend backend, TimeSpan timeout, bool leaveSleepers, out IReadOnlyCollection<HeldThread> threads)
    {
        using ActivenessCheck check = ActivenessCheck.PrepareThorough(target, regions.Select(r => new AddressRange(r.Start, r.Size)));
        bool isActive = false, isCertain = false;
        int seen = 0;
        List<HeldThread> found = new(target.ThreadIds.Count * 2 + 64);
        for (int attempt = 0; !isCertain; attempt++)
        {
            found.Clear();
            backend.WhileHeld(target, timeout, leaveSleepers && attempt < PatchTransaction.StopsThatLeaveSleepers, held =>
            {
                isActive = check.IsActive(held, mayRun: false);
                for (int i = seen; i < held.ThreadCount; i++) found.Add(held.GetThread(i));
                isCertain = held.IsSealed;
            },
            // The pointer of a thread that runs on from here is only one more.
            early: held =>
            {
                check.LookEarly(held);
                seen = held.ThreadCount;
                for (int i = 0; i < seen; i++) found.Add(held.GetThread(i));
            });
        }
        threads = found;
        if (!isActive) return null;
        ActiveCode active = check.Describe();
        return check.IsVague
            ? $"thread {active.ThreadId}, which sleeps in a call that a stop would disturb, so that its registers are not known"
            : $"thread {active.ThreadId} at {active.Symbol}, which may be inside it or return into it";
    }

    // The records and the patch itself are no part of the program.
    private bool MayHoldPointers(MemoryRegion region)
    {
        if (regions.Any(r => r.Start == region.Start) || region.Path.StartsWith("[v", StringComparison.Ordinal)) return false;
        if (_unwindTables.Contains(region.Start)) return false;
        if (MountName.FromRegion(region) is not null) return region.Access.HasFlag(MemoryAccess.Write);
        // Of what other processes share: ordinary memory, and no device, where a look may do something.
        if (region.Access.HasFlag(MemoryAccess.Shared)) return region.Access.HasFlag(MemoryAccess.Write) && IsOrdinary(region.Path);
        return true;
    }

    private static bool IsOrdinary(string path) => path.StartsWith("/dev/zero", StringComparison.Ordinal)
        || path.StartsWith("/dev/shm/", StringComparison.Ordinal) || path.StartsWith("/memfd:", StringComparison.Ordinal)
        || path.StartsWith("/SYSV", StringComparison.Ordinal);

    // Only of a stack that is nothing else is the lower part free: the kernel's first one, and one that ends in the control block
    // of the thread that is on it. A stack that a program has put somewhere else may lie beside what it keeps there.
    private ulong FirstInUse(in MemoryRegion region, IReadOnlyCollection<HeldThread> threads)
    {
        ulong lowest = ulong.MaxValue;
        bool isStack = region.Path == "[stack]";
        foreach (HeldThread thread in threads)
        {
            if (!region.Contains(thread.StackPointer)) continue;
            isStack |= thread.ThreadPointer > thread.StackPointer && region.Contains(thread.ThreadPointer);
            lowest = Math.Min(lowest, thread.StackPointer);
        }
        return isStack && lowest != ulong.MaxValue ? lowest & ~(ulong)(target.Architecture.Word.Size - 1) : region.Start;
    }

    private bool IsLeftOut(in MemoryRegion region)
    {
        ulong start = region.Start;
        return regions.Any(r => r.Contains(start)) || _unwindTables.Contains(start) || region.Access.HasFlag(MemoryAccess.Shared)
            || !region.Access.HasFlag(MemoryAccess.Read) || region.Path.StartsWith("[v", StringComparison.Ordinal);
    }

    private bool IsModuleData(MemoryRegion region) => target.ModuleAt(region.Start) is not null;
}
