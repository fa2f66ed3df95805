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
    private const ulong PointerSize = 8;

    /// <summary>Refuses constructors with <see cref="PatchErrorId.ConstructorUnsupported"/>.</summary>
    public static void Check(PatchFile patch)
    {
        ElfImage elf = patch.Image;
        if (elf.DynamicValue(DynamicTag.Init) is { } init && !IsNamed(elf, init, "_init") && !LooksLikeInit(elf, init))
            throw Refusal(patch, elf, init);
        if (elf.DynamicValue(DynamicTag.InitArray) is not { } array) return;

        ulong count = (elf.DynamicValue(DynamicTag.InitArraySize) ?? 0) / PointerSize;
        Dictionary<ulong, ulong> relocated = elf.Relocations
            .Where(r => r.Type == X64Relocation.Relative && r.Offset - array < count * PointerSize)
            .GroupBy(r => r.Offset).ToDictionary(g => g.Key, g => (ulong)(g.First().Addend ?? (long)Word(elf, g.Key)));
        for (ulong i = 0; i < count && i < 4096; i++)
        {
            ulong entry = relocated.GetValueOrDefault(array + i * PointerSize, Word(elf, array + i * PointerSize));
            if (entry is 0 or ulong.MaxValue) continue;
            if (count == 1 || IsNamed(elf, entry, "frame_dummy"))
                if (IsNamed(elf, entry, "frame_dummy") || LooksLikeFrameDummy(elf, entry)) continue;
            throw Refusal(patch, elf, entry);
        }
    }

    private static bool IsNamed(ElfImage elf, ulong address, string name) =>
        elf.SymbolTable.Any(s => s.Value == address && s.IsDefined && s.Name == name);

    // crti.o: sub rsp,8; mov rax,[rip+__gmon_start__]; test rax,rax
    private static bool LooksLikeInit(ElfImage elf, ulong address) =>
        Mnemonics(elf, address, 3).SequenceEqual([Mnemonic.Sub, Mnemonic.Mov, Mnemonic.Test]);

    // crtbegin.o: jmp register_tm_clones
    private static bool LooksLikeFrameDummy(ElfImage elf, ulong address) =>
        Mnemonics(elf, address, 1).SequenceEqual([Mnemonic.Jmp]);

    private static IEnumerable<Mnemonic> Mnemonics(ElfImage elf, ulong address, int count)
    {
        byte[] code = new byte[64];
        if (!elf.TryReadVirtual(address, code)) return [];
        return Decoder.Create(64, code).Select(i => i.Mnemonic).Where(m => m != Mnemonic.Endbr64).Take(count);
    }

    private static ulong Word(ElfImage elf, ulong address)
    {
        byte[] word = new byte[PointerSize];
        return elf.TryReadVirtual(address, word) ? BitConverter.ToUInt64(word) : 0;
    }

    private static PatchException Refusal(PatchFile patch, ElfImage elf, ulong address)
    {
        string name = elf.SymbolTable.FirstOrDefault(s => s.Value == address && s.IsDefined && s.IsFunction) is { } symbol
            ? symbol.Name : $"the function at 0x{address:x}";
        return new PatchException(PatchErrorId.ConstructorUnsupported,
            $"{patch.Path} has a constructor, {name}, and Pannus runs none: initialise with constants, or on the first call.");
    }
}
