using Iced.Intel;
using Pannus.Elf;

namespace Pannus.Loader;

/// <summary>
/// A patch's constructors would have to run exactly once, on a thread that isn't the application's; so a patch that has
/// any is refused. What every <c>gcc -shared</c> brings (crti.o's <c>_init</c>, crtbegin.o's <c>frame_dummy</c>) does
/// nothing for a patch and is no reason to.
/// </summary>
internal static class Constructors
{
    private const ulong PointerSize = 8, MostEntries = 4096;

    /// <summary>Refuses constructors with <see cref="PatchErrorId.ConstructorUnsupported"/>.</summary>
    public static void Check(PatchFile patch)
    {
        ElfImage elf = patch.Image;
        if (elf.DynamicValue(DynamicTag.Init) is { } init && !IsPlainInit(elf, init))
            throw Refusal(patch, NameAt(elf, init));
        if (elf.DynamicValue(DynamicTag.InitArray) is not { } array) return;

        ulong count = (elf.DynamicValue(DynamicTag.InitArraySize) ?? 0) / PointerSize;
        if (count > MostEntries) throw PatchImageReader.Invalid(patch, $"it has {count} constructors");
        ulong size = count * PointerSize;
        ILookup<ulong, ElfRelocation> relocations =
            elf.Relocations.Where(r => r.Offset - array < size).ToLookup(r => r.Offset);
        for (ulong at = array; at - array < size; at += PointerSize)
        {
            ulong entry = Word(elf, at);
            foreach (ElfRelocation r in relocations[at])
            {
                // A constructor that is exported is only found by name, and the array holds 0 until then.
                if (r.Type != X64Relocation.Relative) throw Refusal(patch, NameOf(elf, r.SymbolIndex));
                entry = (ulong?)r.Addend ?? entry;
            }
            if (entry is 0 or ulong.MaxValue || IsFrameDummy(elf, entry)) continue;
            throw Refusal(patch, NameAt(elf, entry));
        }
    }

    // crti.o and crtn.o of glibc call __gmon_start__ if there is one; musl's do nothing. The name says little: a
    // function of the patch may be called _init too.
    private static bool IsPlainInit(ElfImage elf, ulong address)
    {
        Mnemonic[] code = [.. Decode(elf, address).Select(i => i.Mnemonic).Take(7)];
        return code
            is [Mnemonic.Sub, Mnemonic.Mov, Mnemonic.Test, Mnemonic.Je, Mnemonic.Call, Mnemonic.Add, Mnemonic.Ret]
            or [Mnemonic.Push, Mnemonic.Pop, Mnemonic.Ret, ..];
    }

    // crtbegin.o: jmp register_tm_clones, which begins with the two ends of a list that is empty.
    private static bool IsFrameDummy(ElfImage elf, ulong address)
    {
        if (Functions(elf).Any(s => s.Value == address && s.Name == "frame_dummy")) return true;
        Instruction jump = Decode(elf, address).FirstOrDefault();
        if (jump is not { Mnemonic: Mnemonic.Jmp, Op0Kind: OpKind.NearBranch64 }) return false;
        Instruction[] list = [.. Decode(elf, jump.NearBranchTarget).Take(2)];
        return list.Length == 2 && list.All(i => i.Mnemonic == Mnemonic.Lea && i.IsIPRelativeMemoryOperand)
            && list[0].IPRelativeMemoryAddress == list[1].IPRelativeMemoryAddress;
    }

    private static IEnumerable<Instruction> Decode(ElfImage elf, ulong address)
    {
        byte[] code = new byte[64];
        // The function may be the last of its segment.
        while (!elf.TryReadVirtual(address, code))
        {
            if (code.Length == 1) return [];
            code = new byte[code.Length - 1];
        }
        var decoder = Decoder.Create(64, code);
        decoder.IP = address;
        return decoder.Where(i => i.Mnemonic != Mnemonic.Endbr64);
    }

    private static ulong Word(ElfImage elf, ulong address)
    {
        byte[] word = new byte[PointerSize];
        return elf.TryReadVirtual(address, word) ? BitConverter.ToUInt64(word) : 0;
    }

    private static IEnumerable<ElfSymbol> Functions(ElfImage elf) =>
        elf.SymbolTable.Concat(elf.DynamicSymbols).Where(s => s.IsDefined && s.IsFunction);

    private static string NameAt(ElfImage elf, ulong address) =>
        Functions(elf).Where(s => s.Value == address).Select(s => s.Name)
            .FirstOrDefault($"the function at 0x{address:x}");

    private static string NameOf(ElfImage elf, uint symbol) =>
        symbol < (uint)elf.DynamicSymbols.Count ? elf.DynamicSymbols[(int)symbol].Name : $"symbol {symbol}";

    private static PatchException Refusal(PatchFile patch, string name) => new(PatchErrorId.ConstructorUnsupported,
        $"{patch.Path} has a constructor, {name}, and Pannus runs none: initialise with constants, or on the first "
        + "call.");
}
