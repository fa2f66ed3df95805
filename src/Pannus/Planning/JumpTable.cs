using System.Buffers.Binary;
using Iced.Intel;
using Pannus.Core;
using Pannus.Elf;
using Pannus.Targets;

namespace Pannus.Planning;

/// <summary>
/// The jump tables of a function, as compilers make them for a <c>switch</c>: addresses, or distances of 32 bits from the
/// table or the GOT, read as long as they lead into the function.
/// </summary>
internal static class JumpTable
{
    private const int MostEntries = 4096;

    /// <summary>The entry of a table of the function that leads into a range; null when none does.</summary>
    public static CodeReference? FindInto(TargetProcess target, FunctionCode function, AddressRange range)
    {
        if (function.Function.Size == 0 || !function.DecodeBody().Any(i => i.FlowControl == FlowControl.IndirectBranch)) return null;
        foreach (Instruction i in function.DecodeBody())
            if (TableOf(target, function, i) is { } table && Find(target, function, table, range) is { } entry) return entry;
        return null;
    }

    // Where a table begins; what its entries are added to; null when they are addresses.
    private readonly record struct Table(ulong Address, ulong? Base);

    // lea table(%rip), %reg on x86-64, table@GOTOFF(%reg,%reg,4) on IA-32; and jmp *table(,%reg,8) or mov table(,%reg,8), %reg,
    // with 4 on IA-32, of code that does not move.
    private static Table? TableOf(TargetProcess target, FunctionCode function, in Instruction i)
    {
        MachineWord word = target.Architecture.Word;
        if (i.Mnemonic == Mnemonic.Lea && i.IsIPRelativeMemoryOperand) return new Table(i.IPRelativeMemoryAddress, i.IPRelativeMemoryAddress);
        if (i.MemoryIndex == Register.None || i.MemoryIndexScale != word.Size || i.MemoryDisplacement64 == 0) return null;
        if (i.MemoryBase == Register.None) return new Table(i.MemoryDisplacement64, null);
        if (word.Size == 8 || target.ModuleAt(function.Function.Address) is not { } module
            || module.Image.DynamicValue(DynamicTag.PltGot) is not { } got)
        {
            return null;
        }
        return new Table(word.Wrap(module.LoadBias + got + i.MemoryDisplacement64), module.LoadBias + got);
    }

    private static CodeReference? Find(TargetProcess target, FunctionCode function, Table table, AddressRange range)
    {
        if (target.Map.Find(table.Address) is not { } region || region.Access.HasFlag(MemoryAccess.Execute)) return null;
        MachineWord word = target.Architecture.Word;
        int size = table.Base is null ? word.Size : 4;
        byte[] entries = new byte[Math.Min((ulong)(MostEntries * size), region.End - table.Address)];
        int read = target.Memory.Read(table.Address, entries);
        for (int at = 0; at + size <= read; at += size)
        {
            ulong destination = table.Base is { } from
                ? word.Wrap(from + (ulong)BinaryPrimitives.ReadInt32LittleEndian(entries.AsSpan(at)))
                : word.Read(entries.AsSpan(at));
            if (destination - function.Function.Address >= function.Function.Size) return null;
            if (range.Contains(destination)) return new CodeReference(table.Address + (ulong)at, destination);
        }
        return null;
    }
}
