using Iced.Intel;
using Pannus.Core;
using Pannus.Elf;
using Pannus.Machines;
using Pannus.Symbols;
using Pannus.Targets;

namespace Pannus.Planning;

/// <summary>
/// The code of a function as it is without any jump at its entry: where an earlier patch has written one, the bytes of the
/// module's file stand for it.
/// </summary>
internal sealed class FunctionCode
{
    private const int LargestFunction = 1 << 20, LongestInstruction = 15, EndbrLength = 4;

    private readonly byte[] _bytes;
    private readonly int _bitness;

    private FunctionCode(int bitness, ResolvedSymbol function, byte[] bytes)
    {
        _bitness = bitness;
        Function = function;
        _bytes = bytes;
        Instruction first = Decode(function.Address).FirstOrDefault();
        // An endbr64 or endbr32 stays: indirect calls may insist on it.
        Place = first.Code is Code.Endbr64 or Code.Endbr32 ? first.NextIP : function.Address;
    }

    public ResolvedSymbol Function { get; }

    /// <summary>Where a jump goes: the function's first byte, or the one behind its <c>endbr64</c> or <c>endbr32</c>.</summary>
    public ulong Place { get; }

    /// <summary>Whether <see cref="Place"/> holds a jump that is not the function's own.</summary>
    public bool IsPatched { get; private init; }

    /// <summary>Whether the bytes are known to be the function's own, by the file of its module.</summary>
    public bool IsOwn { get; private init; }

    /// <summary>Address after the last byte of the function; its address when its size is not known.</summary>
    public ulong End => Function.Address + Function.Size;

    /// <summary>
    /// Reads a function. Errors: <see cref="PatchErrorId.MemoryInaccessible"/>, <see cref="PatchErrorId.CodeChanged"/>
    /// when the entry's bytes are neither those of the file nor a jump.
    /// </summary>
    public static FunctionCode Read(TargetProcess target, ResolvedSymbol function)
    {
        const int entry = EndbrLength + FunctionEntry.JumpLength;
        int bitness = target.Architecture.Bitness;
        byte[] bytes = new byte[Math.Clamp((long)function.Size, entry + LongestInstruction, LargestFunction)];
        bytes = bytes[..target.Memory.Read(function.Address, bytes)];
        if (bytes.Length == 0)
        {
            target.CheckStillThere();
            throw new PatchException(PatchErrorId.MemoryInaccessible,
                $"The code of {function.Name} at 0x{function.Address:x} in {target.DisplayName} cannot be read.");
        }
        byte[] file = new byte[bytes.Length];
        if (target.ModuleAt(function.Address) is not { Image.IsFromMemory: false } module
            || !module.Image.TryReadVirtual(function.Address - module.LoadBias, file))
        {
            return new FunctionCode(bitness, function, bytes);
        }
        int place = (int)(new FunctionCode(bitness, function, file).Place - function.Address);
        int length = Math.Min(FunctionEntry.JumpLength, bytes.Length - place);
        Span<byte> now = bytes.AsSpan(place, length), first = file.AsSpan(place, length);
        bool isChanged = !now.SequenceEqual(first), isPatched = isChanged && X86Jump.IsJump(now[0]);
        if (isPatched) first.CopyTo(now);
        else if (isChanged && module.Image.DynamicValue(DynamicTag.TextRel) is null) throw Changed(function, module, place, now, first);
        return new FunctionCode(bitness, function, bytes) { IsPatched = isPatched, IsOwn = true };
    }

    /// <summary>The instructions from an address on, to the end of what was read; the last may be invalid.</summary>
    public IEnumerable<Instruction> Decode(ulong from) => Decode(_bitness, _bytes, Function.Address, from);

    /// <summary>The instructions of the function; as far as the bytes after its entry when its size is not known.</summary>
    public IEnumerable<Instruction> DecodeBody() => Decode(Function.Address).TakeWhile(i => Function.Size == 0 || i.IP < End);

    /// <summary>Decodes bytes that lie at an address, up to and including the first that is no instruction.</summary>
    public static IEnumerable<Instruction> Decode(int bitness, byte[] bytes, ulong address, ulong from)
    {
        var reader = new ByteArrayCodeReader(bytes) { Position = (int)(from - address) };
        var decoder = Decoder.Create(bitness, reader, from);
        while (reader.CanReadByte)
        {
            Instruction instruction = decoder.Decode();
            yield return instruction;
            if (instruction.IsInvalid) yield break;
        }
    }

    /// <summary>The bytes of a range as their module's file has them, else as they are in memory; null when there are none.</summary>
    public static byte[]? FileBytes(TargetProcess target, AddressRange range)
    {
        byte[] bytes = new byte[range.Length];
        return (target.ModuleAt(range.Start) is { Image.IsFromMemory: false } module
            && module.Image.TryReadVirtual(range.Start - module.LoadBias, bytes))
            || target.Memory.Read(range.Start, bytes) == bytes.Length ? bytes : null;
    }


    /// <summary>Whether an instruction does nothing and is not meant to: NOP in every length, INT3.</summary>
    public static bool IsPadding(in Instruction i) => i.Mnemonic is Mnemonic.Nop or Mnemonic.Int3 || IsLongNop(i);

    // What assemblers fill IA-32 code with: lea esi, [esi+0] in several lengths.
    private static bool IsLongNop(in Instruction i) => i.CodeSize == CodeSize.Code32 && i.Mnemonic == Mnemonic.Lea
        && i.MemoryBase == i.Op0Register && i.MemoryIndex == Register.None && i.MemoryDisplacement32 == 0;

    /// <summary>Whether execution never goes on behind it.</summary>
    public static bool EndsFlow(in Instruction i) => i.Mnemonic is Mnemonic.Int3 or Mnemonic.Hlt
        || i.FlowControl is FlowControl.Return or FlowControl.UnconditionalBranch or FlowControl.IndirectBranch or FlowControl.Exception;

    private static PatchException Changed(ResolvedSymbol function, TargetModule module, int place, Span<byte> now, Span<byte> first) =>
        new(PatchErrorId.CodeChanged,
            $"{function.Name} at 0x{function.Address:x}: its code at +0x{place:x} is {Hex(now)}, and "
            + $"{module.Path} has {Hex(first)} there. A debugger's breakpoint, or another program, has changed it: "
            + "take that away first.");

    private static string Hex(Span<byte> bytes) => Convert.ToHexString(bytes).ToLowerInvariant();
}
