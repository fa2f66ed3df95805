using System.Buffers.Binary;
using Iced.Intel;
using Pannus.Backends;
using Pannus.Core;
using Pannus.Journal;
using Pannus.Machines;
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
    private const int Chunk = 64 << 10;
    private const ulong MostMemory = 4ul << 30;

    private readonly MachineWord _word = target.Architecture.Word;
    private readonly byte[] _buffer = new byte[Chunk + 8];
    private readonly ulong _lowest = regions.Min(r => r.Start), _highest = regions.Max(r => r.End);

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
            ulong? at = !isCode ? FindWord(region, _word.Size) : isPatch ? FindOperand(region) ?? FindWord(region, step: 1) : FindJump(region);
            if (at is { } found) return $"{(isCode ? "the code" : "a pointer")} at {SymbolAt.Describe(target, found)} (0x{found:x})";
        }
        return null;
    }

    /// <summary>
    /// What anywhere in the memory that the program may write looks like an address in the patch; null when nothing does.
    /// What lies under a stack pointer is left out: nobody comes back to that.
    /// </summary>
    public string? FindPointer(IReadOnlyCollection<ulong> stackPointers)
    {
        MemoryRegion[] writable = [.. target.Map.Regions.Where(r => r.Access.HasFlag(MemoryAccess.Write) && !IsLeftOut(r))];
        if (writable.Aggregate(0ul, (sum, r) => sum + r.Size) > MostMemory)
            return $"more than {MostMemory >> 30} GiB of memory, which is not searched";
        MemoryRegion? before = null;
        foreach (MemoryRegion region in target.Map.Regions)
        {
            bool isStack = region.Path == "[stack]" || before is { Access: MemoryAccess.None } guard && guard.End == region.Start;
            before = region;
            if (!region.Access.HasFlag(MemoryAccess.Write) || IsLeftOut(region)) continue;
            // Only of a stack that is nothing else is the lower part free.
            ulong[] pointers = [.. stackPointers.Where(p => region.Contains(p))];
            ulong start = isStack && pointers.Length > 0 ? pointers.Min() & ~(ulong)(_word.Size - 1) : region.Start;
            if (FindWord(region with { Start = start }, _word.Size) is { } at) return $"what looks like a pointer at 0x{at:x}";
        }
        return null;
    }

    /// <summary>
    /// A thread that is inside, or has an address inside in a register or on its stack, as a message names it; null when there
    /// is none. Of threads that are left asleep the registers are not known, so that they count as well. Gives the stack
    /// pointers of all threads.
    /// </summary>
    public string? FindThread(ITargetBackend backend, TimeSpan timeout, bool leaveSleepers, out IReadOnlyCollection<ulong> stackPointers)
    {
        using ActivenessCheck check = ActivenessCheck.PrepareThorough(target, regions.Select(r => new AddressRange(r.Start, r.Size)));
        bool isActive = false, isCertain = false;
        int seen = 0;
        HashSet<ulong> pointers = new(target.ThreadIds.Count * 2 + 64);
        for (int attempt = 0; !isCertain; attempt++)
        {
            pointers.Clear();
            backend.WhileHeld(target, timeout, leaveSleepers && attempt < PatchTransaction.StopsThatLeaveSleepers, held =>
            {
                isActive = check.IsActive(held, mayRun: false);
                for (int i = seen; i < held.ThreadCount; i++) pointers.Add(held.GetThread(i).StackPointer);
                isCertain = held.IsSealed;
            },
            // The pointer of a thread that runs on from here is only one more.
            early: held =>
            {
                check.LookEarly(held);
                seen = held.ThreadCount;
                for (int i = 0; i < seen; i++) pointers.Add(held.GetThread(i).StackPointer);
            });
        }
        stackPointers = pointers;
        if (!isActive) return null;
        ActiveCode active = check.Describe();
        return check.IsVague
            ? $"thread {active.ThreadId}, which sleeps in a call that a stop would disturb, so that its registers are not known"
            : $"thread {active.ThreadId} at {active.Symbol}, which may be inside it or return into it";
    }

    private bool IsLeftOut(in MemoryRegion region) => IsOurs(region.Start) || region.Access.HasFlag(MemoryAccess.Shared)
        || !region.Access.HasFlag(MemoryAccess.Read) || region.Path.StartsWith("[v", StringComparison.Ordinal);

    private bool IsModuleData(MemoryRegion region) => target.ModuleAt(region.Start) is not null;

    private ulong? FindJump(in MemoryRegion region) => Find(region, (at, bytes) =>
    {
        for (int i = 0; i + 5 <= bytes.Length; i++)
        {
            if (!X86Jump.IsNearBranch(bytes[i])) continue;
            if (!IsOurs(_word.Wrap(at + (ulong)i + 5 + (ulong)BinaryPrimitives.ReadInt32LittleEndian(bytes[(i + 1)..])))) continue;
            if (!IsOfFile(at + (ulong)i, bytes.Slice(i, 5))) return i;
        }
        return null;
    });

    private ulong? FindWord(in MemoryRegion region, int step) => Find(region, (at, bytes) =>
    {
        for (int i = 0; i + _word.Size <= bytes.Length; i += step)
            if (IsOurs(_word.Read(bytes[i..])) && !IsOfFile(at + (ulong)i, bytes.Slice(i, _word.Size))) return i;
        return null;
    });

    // What the module's file has there was there before the patch, and only looks as if it led to it. With 32-bit addresses
    // that is no rare thing.
    private bool IsOfFile(ulong address, ReadOnlySpan<byte> bytes)
    {
        TargetModule? module = target.ModuleAt(address);
        Span<byte> file = stackalloc byte[bytes.Length];
        return module is { Image.IsFromMemory: false } && module.Image.TryReadVirtual(address - module.LoadBias, file) && bytes.SequenceEqual(file);
    }

    // A patch may call and address another one in every way that there is.
    private ulong? FindOperand(in MemoryRegion region)
    {
        byte[] code = new byte[(int)Math.Min(region.Size, int.MaxValue)];
        var decoder = Decoder.Create(_word.Size * 8, new ByteArrayCodeReader(code, 0, target.Memory.Read(region.Start, code)));
        decoder.IP = region.Start;
        while (decoder.IP < region.End)
        {
            decoder.Decode(out Instruction i);
            if (i.Code == Code.INVALID && decoder.LastError == DecoderError.NoMoreBytes) return null;
            if (IsOurs(i.NearBranchTarget) || (i.IsIPRelativeMemoryOperand && IsOurs(i.IPRelativeMemoryAddress))) return i.IP;
        }
        return null;
    }

    private delegate int? Search(ulong at, ReadOnlySpan<byte> bytes);

    private ulong? Find(in MemoryRegion region, Search search)
    {
        for (ulong at = region.Start; at < region.End; at += Chunk)
        {
            int wanted = (int)Math.Min((ulong)_buffer.Length, region.End - at);
            if (search(at, _buffer.AsSpan(0, target.Memory.Read(at, _buffer.AsSpan(0, wanted)))) is { } i) return at + (ulong)i;
        }
        return null;
    }

    private bool IsOurs(ulong address)
    {
        if (address < _lowest || address >= _highest) return false;
        foreach (MemoryRegion region in regions)
            if (region.Contains(address)) return true;
        return false;
    }
}
