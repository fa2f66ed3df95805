using Pannus.Core;
using Pannus.Journal;
using Pannus.Machines;
using Pannus.Symbols;
using Pannus.Targets;

namespace Pannus.Planning;

/// <summary>Decides writes: where, what is there, what will be there, and whether that may be. Touches nothing.</summary>
/// <param name="target">The target.</param>
/// <param name="symbols">Where to look for the parts that the compiler has split off a function.</param>
public sealed class WritePlanner(TargetProcess target, ResolverOptions? symbols = null)
{
    private readonly EntryPlanner _entries = new(target);
    private readonly FunctionRanges _functions = new(target, symbols ?? new ResolverOptions());

    internal CodeLabels Labels => _entries.Labels;

    /// <summary>
    /// Type J: a jump at the entry of a function, in the order in which it is to be written: where there is no room for five
    /// bytes, those in padding near by first, then two bytes that jump there. Errors:
    /// <see cref="PatchErrorId.FunctionTooShort"/>, <see cref="PatchErrorId.EntryIsBranchTarget"/>,
    /// <see cref="PatchErrorId.CodeChanged"/>, <see cref="PatchErrorId.NoAddressSpace"/> when the destination is out of
    /// reach of a 32-bit displacement, <see cref="PatchErrorId.CommandInvalid"/> for what is no function.
    /// </summary>
    public IReadOnlyList<PlannedWrite> Jump(ResolvedSymbol function, ulong destination, string destinationName)
    {
        FunctionEntry entry = Entry(function);
        long displacement = (long)(destination - (entry.JumpAddress + FunctionEntry.JumpLength));
        if (displacement != (int)displacement && !target.Architecture.ReachesAll)
        {
            throw new PatchException(PatchErrorId.NoAddressSpace,
                $"{function.Name} at 0x{function.Address:x} cannot jump to {destinationName} at 0x{destination:x}: it is more than "
                + "2 GiB away. Map the patch near the module it patches, or use Invoke-LivePatch, which lays a jump of 64 bits "
                + "within reach of each module.");
        }
        IReadOnlyList<AddressRange> body = _functions.Of(function, entry.Address);
        PlannedWrite far = Plan(PlannedWriteKind.Jump, function, destinationName, entry.JumpAddress, X86Jump.ToNear((int)displacement));
        if (entry.PaddingJump is not { } paddingJump) return [far with { Guarded = entry.Guarded, Function = body }];
        PlannedWrite near = Plan(PlannedWriteKind.Jump, function, destinationName, entry.Address, X86Jump.ToShort(entry.Address, paddingJump));
        return [far with { Kind = PlannedWriteKind.PaddingJump, Guarded = far.Range }, near with { Guarded = entry.Guarded, Function = body }];
    }

    /// <summary>
    /// The code in which no thread may have a frame when a function is replaced: what a check
    /// is given; of data, its bytes. Errors: <see cref="PatchErrorId.CodeChanged"/>, <see cref="PatchErrorId.MemoryInaccessible"/>.
    /// </summary>
    public IReadOnlyList<AddressRange> CodeOf(ResolvedSymbol function)
    {
        CheckIsOf(function);
        if (!target.Map.Covers(function.Address, 1, MemoryAccess.Execute)) return [new AddressRange(function.Address, Math.Max(function.Size, 1))];
        return _functions.Of(function, FunctionCode.Read(target, function).Place);
    }

    /// <summary>
    /// Refuses a destination of a jump that is not in executable memory, with <see cref="PatchErrorId.CommandInvalid"/>. A patch
    /// that is not mapped yet has no memory to look at, so <see cref="Jump"/> itself does not ask.
    /// </summary>
    public void CheckIsCode(ulong destination, string name)
    {
        if (target.Map.Covers(destination, 1, MemoryAccess.Execute)) return;
        throw new PatchException(PatchErrorId.CommandInvalid,
            $"{name} at 0x{destination:x} is not in executable memory of {target.DisplayName}, and J needs a function to jump to.");
    }

    /// <summary>Where the jump of a function goes. Errors as of <see cref="Jump"/>.</summary>
    internal FunctionEntry Entry(ResolvedSymbol function)
    {
        CheckIsOf(function);
        if (function.Type is not (SymbolType.Function or SymbolType.IndirectFunction or SymbolType.None))
            throw NotA(function, "a function", "J");
        CheckMapped(function.Name, function.Address, 1, MemoryAccess.Execute);
        return _entries.Find(function);
    }

    /// <summary>
    /// Type V: bytes over a variable. Errors: <see cref="PatchErrorId.SymbolSizeMismatch"/> when they are more than the
    /// variable's, <see cref="PatchErrorId.CommandInvalid"/> for what is no variable.
    /// </summary>
    public PlannedWrite Variable(ResolvedSymbol variable, byte[] data)
    {
        CheckIsOf(variable);
        if (variable.Type is not (SymbolType.Object or SymbolType.None)) throw NotA(variable, "a variable", "V");
        if (data.Length == 0) throw new PatchException(PatchErrorId.CommandInvalid, $"V {variable.Name}: there are no bytes to write.");
        if (variable.Size > 0 && (ulong)data.Length > variable.Size)
        {
            throw new PatchException(PatchErrorId.SymbolSizeMismatch,
                $"{variable.Name} has {variable.Size} bytes and the patch would write {data.Length}. Shorten the data.");
        }
        return Plan(PlannedWriteKind.Variable, variable, "", variable.Address, data);
    }

    /// <summary>
    /// Type P: an address into a pointer. Errors: <see cref="PatchErrorId.SymbolSizeMismatch"/> for what has not the size
    /// of a pointer, <see cref="PatchErrorId.CommandInvalid"/> for what is no variable.
    /// </summary>
    public PlannedWrite Pointer(ResolvedSymbol pointer, ulong destination, string destinationName)
    {
        CheckIsOf(pointer);
        if (pointer.Type is not (SymbolType.Object or SymbolType.None)) throw NotA(pointer, "a pointer variable", "P");
        MachineWord word = target.Architecture.Word;
        if ((pointer.Size > 0 && pointer.Size < (ulong)word.Size) || pointer.Size % (ulong)word.Size != 0)
        {
            throw new PatchException(PatchErrorId.SymbolSizeMismatch,
                $"{pointer.Name} has {pointer.Size} bytes and a pointer has {word.Size}. Use V for data.");
        }
        return Plan(PlannedWriteKind.Pointer, pointer, destinationName, pointer.Address, word.Bytes(destination));
    }

    /// <summary>Bytes at an address.</summary>
    public PlannedWrite Memory(ulong address, byte[] data)
    {
        if (data.Length == 0) throw new PatchException(PatchErrorId.CommandInvalid, "There are no bytes to write.");
        CheckMapped($"0x{address:x}", address, (ulong)data.Length, MemoryAccess.None);
        bool isCode = target.Map.Find(address)!.Value.Access.HasFlag(MemoryAccess.Execute);
        return new PlannedWrite
        {
            Id = target.Id, Kind = PlannedWriteKind.Memory, Symbol = "", Module = "", Destination = "", Address = address,
            Old = ReadOld(address, data.Length), New = data,
            Guarded = isCode ? new AddressRange(address + 1, (ulong)data.Length - 1) : default,
        };
    }

    private PlannedWrite Plan(PlannedWriteKind kind, ResolvedSymbol symbol, string destination, ulong address, byte[] data)
    {
        CheckMapped(symbol.Name, address, (ulong)data.Length, MemoryAccess.None);
        return new PlannedWrite
        {
            Id = target.Id, Kind = kind, Symbol = symbol.Name, Module = symbol.Module, Destination = destination,
            Address = address, Old = ReadOld(address, data.Length), New = data,
        };
    }

    private byte[] ReadOld(ulong address, int length)
    {
        byte[] old = new byte[length];
        return target.Memory.Read(address, old) == length ? old
            : throw new PatchException(PatchErrorId.MemoryInaccessible, $"The memory of {target.DisplayName} at 0x{address:x} cannot be read.");
    }

    private void CheckIsOf(ResolvedSymbol symbol)
    {
        if (symbol.Id == target.Id && symbol.StartTicks == target.StartTicks) return;
        throw new PatchException(PatchErrorId.TargetReplaced,
            $"{symbol.Name} was looked up in process {symbol.Id}, and this is {target.DisplayName}, another process. Look it up again.");
    }

    private void CheckMapped(string name, ulong address, ulong length, MemoryAccess access)
    {
        if (!target.Map.Covers(address, length, access))
        {
            string what = access == MemoryAccess.Execute ? "executable memory" : "mapped memory";
            throw new PatchException(PatchErrorId.MemoryInaccessible,
                $"{name}: {length} bytes at 0x{address:x} are not {what} of {target.DisplayName}. If a map file gave the address, is it this program's?");
        }
        if (target.Map.Find(address)!.Value.Access.HasFlag(MemoryAccess.Shared))
        {
            throw new PatchException(PatchErrorId.MemoryInaccessible,
                $"{name} at 0x{address:x} lies in a shared mapping: a write would change other processes, or the file, too.");
        }
    }

    private static PatchException NotA(ResolvedSymbol symbol, string what, string command) => new(PatchErrorId.CommandInvalid,
        symbol.Type == SymbolType.ThreadLocal
            ? $"{symbol.Name} is thread-local: there is one in each thread, and {command} cannot write them."
            : $"{symbol.Name} is not {what} ({symbol.Type}), which {command} needs.");
}
