using System.Buffers.Binary;
using Pannus.Architectures;
using Pannus.Controller;
using Pannus.Patcher;
using Pannus.Target;

namespace Pannus.Loader;

/// <summary>
/// Whether anything in a target still leads into a patch's memory. Everything here can only refuse wrongly: what looks
/// like a jump, a pointer or a return address counts as one.
/// </summary>
internal sealed class PatchUse(TargetProcess target, IReadOnlyList<MemoryRegion> regions)
{
    private const int Chunk = 1 << 20;

    private readonly MachineWord _word = target.Architecture.Word;

    /// <summary>Refuses when the code or the data of a module leads into the patch.</summary>
    public void CheckNotReferenced(string name)
    {
        foreach (MemoryRegion region in target.Map.Regions)
        {
            if (IsOurs(region.Start) || region.Access.HasFlag(MemoryAccess.Shared) || region.Path.StartsWith("[v", StringComparison.Ordinal)) continue;
            bool isCode = region.Access.HasFlag(MemoryAccess.Execute);
            bool isModuleData = target.Modules.Any(m => m.Start <= region.Start && region.Start < m.End);
            if (!isCode && !isModuleData) continue;
            if (FindReference(region, isCode) is not { } at) continue;
            throw new PatchException(PatchErrorId.FunctionActive,
                $"{name} is in use in {target.DisplayName}: {(isCode ? "a jump" : "a pointer")} at "
                + $"{Resolver.SymbolAt.Describe(target, at)} (0x{at:x}) leads into it. Undo that first, or use -Force if nothing will ever follow it.");
        }
    }

    /// <summary>
    /// Refuses when a thread is inside, or has an address inside in a register or on its stack. All threads are stopped for
    /// it: of one that is left asleep the registers are not known.
    /// </summary>
    public void CheckNotActive(string name, ITargetBackend backend, TimeSpan timeout)
    {
        using ActivenessCheck check = ActivenessCheck.PrepareThorough(target, regions.Select(r => new AddressRange(r.Start, r.Size)));
        bool isActive = false;
        backend.WhileHeld(target, timeout, leaveSleepers: false, held => isActive = check.IsActive(held, mayRun: false));
        if (!isActive) return;
        ActiveCode active = check.Describe();
        throw new PatchException(PatchErrorId.FunctionActive,
            $"Thread {active.ThreadId} of {target.DisplayName} is inside {name} or will return into it, at {active.Symbol}. Nothing was unmapped; "
            + $"try again later.{active.Lines}");
    }

    private ulong? FindReference(in MemoryRegion region, bool isCode)
    {
        byte[] buffer = new byte[Chunk + 8];
        for (ulong at = region.Start; at < region.End; at += Chunk)
        {
            int wanted = (int)Math.Min((ulong)buffer.Length, region.End - at);
            ReadOnlySpan<byte> bytes = buffer.AsSpan(0, target.Memory.Read(at, buffer.AsSpan(0, wanted)));
            if (isCode)
            {
                for (int i = 0; i + 5 <= bytes.Length; i++)
                    if (bytes[i] == 0xe9 && IsOurs(_word.Wrap(at + (ulong)i + 5 + (ulong)BinaryPrimitives.ReadInt32LittleEndian(bytes[(i + 1)..]))))
                        return at + (ulong)i;
            }
            else
            {
                for (int i = 0; i + _word.Size <= bytes.Length; i += _word.Size)
                    if (IsOurs(_word.Read(bytes[i..]))) return at + (ulong)i;
            }
        }
        return null;
    }

    private bool IsOurs(ulong address)
    {
        foreach (MemoryRegion region in regions)
            if (region.Contains(address)) return true;
        return false;
    }
}
