using System.Buffers.Binary;
using Iced.Intel;
using Pannus.Target;

namespace Pannus.Patcher;

/// <summary>
/// The jump tables of a function, as compilers make them for a <c>switch</c>: addresses, or distances of 32 bits from the
/// table, read as long as they lead into the function.
/// </summary>
internal static class JumpTable
{
    private const int MostEntries = 4096;

    /// <summary>The entry of a table of the function that leads into a range; null when none does.</summary>
    public static CodeReference? FindInto(TargetProcess target, FunctionCode function, AddressRange range)
    {
        if (function.Function.Size == 0 || !function.DecodeBody().Any(i => i.FlowControl == FlowControl.IndirectBranch)) return null;
        foreach (Instruction i in function.DecodeBody())
        {
            // lea table(%rip), %reg; jmp *table(,%reg,8), and mov table(,%reg,8), %reg of code that does not move.
            bool isDistances = i.Mnemonic == Mnemonic.Lea && i.IsIPRelativeMemoryOperand;
            bool isAddresses = !isDistances && i.MemoryIndexScale == 8 && i.MemoryBase == Register.None && i.MemoryIndex != Register.None;
            ulong table = isDistances ? i.IPRelativeMemoryAddress : isAddresses ? i.MemoryDisplacement64 : 0;
            if (table != 0 && Find(target, function, table, isDistances, range) is { } entry) return entry;
        }
        return null;
    }

    private static CodeReference? Find(TargetProcess target, FunctionCode function, ulong table, bool isDistances, AddressRange range)
    {
        if (target.Map.Find(table) is not { } region || region.Access.HasFlag(MemoryAccess.Execute)) return null;
        int size = isDistances ? 4 : 8;
        byte[] entries = new byte[Math.Min((ulong)(MostEntries * size), region.End - table)];
        int read = target.Memory.Read(table, entries);
        for (int at = 0; at + size <= read; at += size)
        {
            ulong destination = isDistances
                ? table + (ulong)BinaryPrimitives.ReadInt32LittleEndian(entries.AsSpan(at))
                : BinaryPrimitives.ReadUInt64LittleEndian(entries.AsSpan(at));
            if (destination - function.Function.Address >= function.Function.Size) return null;
            if (range.Contains(destination)) return new CodeReference(table + (ulong)at, destination);
        }
        return null;
    }
}
