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
    private const ulong DeepestStack = 8 << 20;

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

    /// <summary>Refuses when a thread is inside, or has an address inside in a register or on its stack.</summary>
    public void CheckNotActive(string name, ITargetBackend backend, TimeSpan timeout)
    {
        int inside = 0;
        byte[] stack = new byte[DeepestStack];
        bool isCertain = false;
        for (int attempt = 0; !isCertain; attempt++)
        {
            inside = 0;
            backend.WhileHeld(target, timeout, leaveSleepers: attempt < PatchTransaction.StopsThatLeaveSleepers, held =>
            {
                for (int i = 0; i < held.ThreadCount && inside == 0; i++)
                {
                    HeldThread thread = held.GetThread(i);
                    if (IsOurs(thread.ProgramCounter) || StackLeadsIn(held, thread, stack)) inside = thread.Id;
                }
                isCertain = held.IsSealed;
            });
        }
        if (inside != 0)
        {
            throw new PatchException(PatchErrorId.FunctionActive,
                $"Thread {inside} of {target.DisplayName} is inside {name} or will return into it. Nothing was unmapped; try again later.");
        }
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

    private bool StackLeadsIn(IHeldProcess held, in HeldThread thread, byte[] buffer)
    {
        if (target.Map.Find(thread.StackPointer) is not { } stack) return true;
        ulong start = thread.StackPointer & ~(ulong)(_word.Size - 1);
        int length = (int)Math.Min(stack.End - start, DeepestStack);
        Span<byte> bytes = buffer.AsSpan(0, held.Read(start, buffer.AsSpan(0, length)));
        for (int i = 0; i + _word.Size <= bytes.Length; i += _word.Size)
            if (IsOurs(_word.Read(bytes[i..]))) return true;
        return false;
    }

    private bool IsOurs(ulong address)
    {
        foreach (MemoryRegion region in regions)
            if (region.Contains(address)) return true;
        return false;
    }
}
