using Pannus.Core;
using Pannus.Elf;
using Pannus.Images;
using Pannus.Tests.Elf;
using Pannus.Tests.Support;

namespace Pannus.Tests.Images;

/// <summary>What is particular to objects (ET_REL), which no linker has laid out.</summary>
public class ObjectTests
{
    [Fact]
    public void A_symbol_at_the_end_of_everything_and_in_an_empty_section_has_an_address()
    {
        using var patch = new LoadedPatch(Gcc.Compile("""
            extern char empty_begin[], empty_end[];
            __asm__(".pushsection .data.list,\"aw\"\n.globl empty_begin, empty_end\n"
                "empty_begin:\nempty_end:\n.popsection");
            long length(void) { return empty_end - empty_begin; }
            long begin(void) { return (long)empty_begin; }
            """, "-c -fPIC -O1", "empty.o"));
        Assert.Equal(0, patch.Call("length"));
        Assert.InRange((ulong)patch.Call("begin"), patch.Address, patch.Address + patch.Image.Size);
    }

    [Fact]
    public void A_call_to_a_number_goes_there()
    {
        using var patch = new LoadedPatch(Gcc.Compile("""
            __asm__(".globl f\nf: call 0x12345678\nret\n.data\n.globl number\nnumber: .quad 0x123456789");
            """, "-c", "number.o"), isLow: true);
        ulong place = patch["f"] - patch.Address + 1;
        Assert.Equal(0x12345678ul, patch["f"] + 5 + (ulong)BitConverter.ToInt32(patch.Content, (int)place));
    }

    [Fact]
    public void Rights_are_those_of_the_sections_and_never_write_with_execute()
    {
        using PatchFile file = PatchFile.Open(Patches.Object);
        PatchImage image = PatchImageReader.Read(file);
        Assert.Equal(image.Segments.OrderBy(s => s.Start), image.Segments);
        Assert.All(image.Segments, s => Assert.Equal((0ul, 0ul), (s.Start % 4096, s.Length % 4096)));
        AssertIn("plug", MemoryAccess.Read | MemoryAccess.Execute);
        AssertIn("limit", MemoryAccess.Read | MemoryAccess.Write);
        AssertIn("buffer", MemoryAccess.Read | MemoryAccess.Write);

        void AssertIn(string symbol, MemoryAccess access) => Assert.Equal(access,
            image.Segments.Single(s => image.Defined[symbol].Value - s.Start < s.Length).Access);
    }

    [Fact]
    public void Names_of_locals_give_way_to_globals()
    {
        using PatchFile file = PatchFile.Open(Gcc.Compile("""
            static int local(void) { return 1; }
            int (*use)(void) = local;
            int global(void) { return use(); }
            """, "-c -fPIC -O1", "names.o"));
        PatchImage image = PatchImageReader.Read(file);
        foreach (string name in (string[])["local", "use", "global"]) Assert.Contains(name, image.Defined.Keys);
        Assert.DoesNotContain(image.Defined.Keys, k => k.Length == 0 || k.EndsWith(".c", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("-c -fPIC -O1 -mcmodel=large", "R_X86_64_GOT")]
    [InlineData("-c -fPIC -O1 -mtls-dialect=gnu2", "R_X86_64_GOTPC32_TLSDESC")]
    public void What_it_cannot_do_it_names(string arguments, string relocation)
    {
        PatchException error = Patches.Refused(Gcc.Compile(
            "extern __thread int t __attribute__((visibility(\"hidden\"))); extern int v; int f() { return v + t; }",
            arguments, "cannot.o"));
        Assert.Equal(PatchErrorId.RelocationUnsupported, error.Id);
        Assert.Contains(relocation, error.Message);
    }

    [Fact]
    public void An_object_without_a_symbol_table_is_refused()
    {
        string stripped = Gcc.Compile("int v = 1;", "-c -s", "stripped.o");
        byte[] bytes = File.ReadAllBytes(stripped);
        using ElfImage image = ElfImage.FromBytes(bytes, "");
        var edit = new ElfEdit(bytes);
        foreach (SectionHeader s in image.Sections.Where(s => s.Type == SectionType.SymTab)) edit.SetSection(s, 0, 0);
        Assert.Equal(PatchErrorId.PatchFileInvalid, Patches.Refused(bytes).Id);
    }
}
