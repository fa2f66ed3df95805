using Iced.Intel;
using Pannus.Core;
using Pannus.Elf;
using Pannus.Machines;

namespace Pannus.Images;

/// <summary>
/// A patch's constructors would have to run exactly once, on a thread that isn't the application's; so a patch that has
/// any is refused. What every <c>gcc -shared</c> brings (crti.o's <c>_init</c>, crtbegin.o's <c>frame_dummy</c>) does
/// nothing for a patch and is no reason to.
/// </summary>
internal static class Constructors
{
    private const ulong MostEntries = 4096;

    /// <summary>Refuses constructors with <see cref="PatchErrorId.ConstructorUnsupported"/>.</summary>
    public static void Check(PatchFile patch)
    {
        ElfImage elf = patch.Image;
        if (elf.DynamicValue(DynamicTag.Init) is { } init && !IsPlainInit(elf, init))
            throw Refusal(patch, NameAt(elf, init));
        if (elf.DynamicValue(DynamicTag.InitArray) is not { } array) return;

        ulong wordSize = (ulong)elf.Word.Size;
        ulong count = (elf.DynamicValue(DynamicTag.InitArraySize) ?? 0) / wordSize;
        if (count > MostEntries) throw PatchImageReader.Invalid(patch, $"it has {count} constructors");
        ulong size = count * wordSize;
        ILookup<ulong, ElfRelocation> relocations =
            elf.Relocations.Where(r => r.Offset - array < size).ToLookup(r => r.Offset);
        for (ulong at = array; at - array < size; at += wordSize)
        {
            ulong entry = Word(elf, at);
            foreach (ElfRelocation r in relocations[at])
            {
                // A constructor that is exported is only found by name, and the array holds 0 until then.
                if (patch.Architecture.RuleOf(r.Type).Kind != RelocationKind.Relative) throw Refusal(patch, NameOf(elf, r.SymbolIndex));
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
        Mnemonic[] code = [.. Decode(elf, address).Select(i => i.Mnemonic).Take(11)];
        return code
            is [Mnemonic.Sub, Mnemonic.Mov, Mnemonic.Test, Mnemonic.Je, Mnemonic.Call, Mnemonic.Add, Mnemonic.Ret, ..]
            or [Mnemonic.Push, Mnemonic.Pop, Mnemonic.Ret, ..]
            // The same on IA-32, where ebx first has to learn where the GOT is.
            or [Mnemonic.Push, Mnemonic.Sub, Mnemonic.Call, Mnemonic.Add, Mnemonic.Mov, Mnemonic.Test, Mnemonic.Je, Mnemonic.Call, Mnemonic.Add,
                Mnemonic.Pop, Mnemonic.Ret];
    }

    // crtbegin.o: jmp register_tm_clones, which begins with the two ends of a list that is empty. On IA-32 they are relative to
    // a register that is set up in between.
    private static bool IsFrameDummy(ElfImage elf, ulong address)
    {
        if (Functions(elf).Any(s => s.Value == address && s.Name == "frame_dummy")) return true;
        Instruction jump = Decode(elf, address).FirstOrDefault();
        if (jump is not { Mnemonic: Mnemonic.Jmp, Op0Kind: OpKind.NearBranch64 or OpKind.NearBranch32 }) return false;
        Instruction[] code = [.. Decode(elf, jump.NearBranchTarget).Take(7)];
        bool findsBase = code.Select(i => i.Mnemonic).ToArray()
            is [Mnemonic.Call, Mnemonic.Add, Mnemonic.Push, Mnemonic.Mov, Mnemonic.Push, Mnemonic.Lea, Mnemonic.Lea];
        Instruction[] list = findsBase && elf.Word.Size == 4 ? code[5..] : [.. code.Take(2)];
        return list.Length == 2 && list.All(i => i.Mnemonic == Mnemonic.Lea && i.MemoryBase != Register.None)
            && list[0].MemoryBase == list[1].MemoryBase && list[0].MemoryDisplacement64 == list[1].MemoryDisplacement64;
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
        var decoder = Decoder.Create(elf.Word.Size * 8, code);
        decoder.IP = address;
        return decoder.Where(i => i.Mnemonic is not (Mnemonic.Endbr64 or Mnemonic.Endbr32));
    }

    private static ulong Word(ElfImage elf, ulong address)
    {
        byte[] word = new byte[elf.Word.Size];
        return elf.TryReadVirtual(address, word) ? elf.Word.Read(word) : 0;
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
