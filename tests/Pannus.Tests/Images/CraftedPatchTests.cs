using System.Buffers.Binary;
using Pannus.Core;
using Pannus.Elf;
using Pannus.Machines;
using Pannus.Tests.Elf;

namespace Pannus.Tests.Images;

/// <summary>One wrong field each, and the error that names it.</summary>
public class CraftedPatchTests
{
    private readonly ElfEdit _library = ElfEdit.Of(Patches.SharedObject);

    [Fact]
    public void Refuses_overlapping_segments()
    {
        _library.SetLoad(2, ElfEdit.VirtualAddress, _library.GetLoad(1, ElfEdit.VirtualAddress));
        AssertInvalid("overlaps");
    }

    [Fact]
    public void Refuses_segments_in_the_wrong_order()
    {
        _library.SetLoad(1, ElfEdit.VirtualAddress, 0x100000);
        AssertInvalid("overlaps");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public void Refuses_a_segment_that_wraps_round(int n)
    {
        _library.SetLoad(n, ElfEdit.VirtualAddress, ulong.MaxValue - 0x100);
        Assert.Equal(PatchErrorId.PatchFileInvalid, Patches.Refused(_library.Bytes).Id);
    }

    [Theory]
    [InlineData(1ul << 30)]
    [InlineData(1ul << 40)]
    [InlineData(ulong.MaxValue)]
    [InlineData(1ul << 63)]
    public void Refuses_a_huge_segment(ulong size)
    {
        _library.SetLoad(3, ElfEdit.MemorySize, size);
        AssertInvalid("impossible size");
    }

    [Fact]
    public void Refuses_a_segment_that_is_larger_in_the_file_than_in_memory()
    {
        _library.SetLoad(3, ElfEdit.MemorySize, _library.GetLoad(3, ElfEdit.FileSize) - 1);
        AssertInvalid("larger in the file");
    }

    [Fact]
    public void Refuses_a_segment_that_reaches_beyond_the_file()
    {
        _library.SetLoad(3, ElfEdit.FileSize, 0x10000);
        _library.SetLoad(3, ElfEdit.MemorySize, 0x10000);
        AssertInvalid("beyond the end of the file");
    }

    [Fact]
    public void Refuses_a_segment_that_is_writable_and_executable()
    {
        _library.SetLoadFlags(1, 7);
        AssertInvalid("both writable and executable");
    }

    [Theory]
    [InlineData(0x3000)]
    [InlineData(1ul << 40)]
    public void Refuses_an_impossible_alignment(ulong alignment)
    {
        _library.SetLoad(0, ElfEdit.Alignment, alignment);
        AssertInvalid("alignment");
    }

    [Fact]
    public void Refuses_a_file_that_loads_nothing()
    {
        for (int n = 0; n < 4; n++)
        {
            _library.SetLoad(n, ElfEdit.FileSize, 0);
            _library.SetLoad(n, ElfEdit.MemorySize, 0);
        }
        Assert.Equal(PatchErrorId.PatchFileInvalid, Patches.Refused(_library.Bytes).Id);
    }

    [Theory]
    [InlineData(0x10000000)]
    [InlineData(ulong.MaxValue)]
    [InlineData(ulong.MaxValue - 7)]
    [InlineData(1ul << 63)]
    public void Refuses_a_relocation_outside(ulong offset)
    {
        _library.SetRelocation(".rela.dyn", 0, offset);
        AssertInvalid("outside the patch's segments");
    }

    [Fact]
    public void Refuses_a_relocation_that_begins_inside_and_ends_outside()
    {
        ulong end = _library.GetLoad(3, ElfEdit.VirtualAddress) + _library.GetLoad(3, ElfEdit.MemorySize);
        _library.SetRelocation(".rela.dyn", 0, ((end + 4095) & ~4095ul) - 4);
        AssertInvalid("outside the patch's segments");
    }

    [Theory]
    [InlineData(1000)]
    [InlineData(uint.MaxValue)]
    public void Refuses_a_relocation_against_a_symbol_that_is_not_there(uint symbol)
    {
        _library.SetRelocation(".rela.plt", 0, symbol: symbol);
        AssertInvalid($"names symbol {symbol}");

        ElfEdit @object = ElfEdit.Of(Patches.Object);
        @object.SetRelocation(".rela.text", 0, symbol: symbol);
        Assert.Equal(PatchErrorId.PatchFileInvalid, Patches.Refused(@object.Bytes).Id);
    }

    [Fact]
    public void Refuses_a_relocation_behind_its_section()
    {
        ElfEdit @object = ElfEdit.Of(Patches.Object);
        @object.SetRelocation(".rela.text", 0, offset: 0x100000);
        Assert.Equal(PatchErrorId.PatchFileInvalid, Patches.Refused(@object.Bytes).Id);
    }

    [Theory]
    [InlineData(X64Relocation.Copy, "R_X86_64_COPY")]
    [InlineData(X64Relocation.TlsDesc, "R_X86_64_TLSDESC")]
    [InlineData(X64Relocation.GotPc32, "R_X86_64_GOTPC32")]
    [InlineData(99, "relocation type 99")]
    public void Names_the_relocation_that_it_does_not_know(uint type, string name)
    {
        _library.SetRelocation(".rela.plt", 0, type: type);
        PatchException error = Patches.Refused(_library.Bytes);
        Assert.Equal(PatchErrorId.RelocationUnsupported, error.Id);
        Assert.Contains(name, error.Message);
        Assert.Matches(@"\((plug|strlen|strcpy)\)", error.Message);
    }

    [Theory]
    [InlineData(".bss", 1ul << 40)]
    [InlineData(".bss", ulong.MaxValue)]
    [InlineData(".symtab", 1ul << 40)]
    [InlineData(".text", 1ul << 31)]
    public void Refuses_a_huge_section(string name, ulong size)
    {
        ElfEdit @object = ElfEdit.Of(Patches.Object);
        @object.SetSection(Patches.Section(Patches.Object, name), 32, size);
        Assert.Equal(PatchErrorId.PatchFileInvalid, Patches.Refused(@object.Bytes).Id);
    }

    [Fact]
    public void Refuses_an_object_section_that_is_writable_and_executable()
    {
        ElfEdit @object = ElfEdit.Of(Patches.Object);
        @object.SetSection(Patches.Section(Patches.Object, ".text"), 8, 7);
        PatchException error = Patches.Refused(@object.Bytes);
        Assert.Equal(PatchErrorId.PatchFileInvalid, error.Id);
        Assert.Contains(".text", error.Message);
    }

    [Fact]
    public void Refuses_a_table_that_is_not_in_the_file()
    {
        foreach (DynamicTag tag in (DynamicTag[])[DynamicTag.StrTab, DynamicTag.SymTab, DynamicTag.Rela,
            DynamicTag.JmpRel, DynamicTag.RelaSize])
        {
            foreach (ulong value in (ulong[])[ulong.MaxValue, 1ul << 40, 0x7fff_fff0])
            {
                ElfEdit edit = ElfEdit.Of(Patches.SharedObject);
                edit.SetDynamic(tag, value);
                Assert.Equal(PatchErrorId.PatchFileInvalid, Patches.Refused(edit.Bytes).Id);
            }
        }
    }

    [Fact]
    public void Refuses_a_file_for_another_machine()
    {
        BinaryPrimitives.WriteUInt16LittleEndian(_library.Bytes.AsSpan(18), 183); // EM_AARCH64
        PatchException error = Patches.Refused(_library.Bytes);
        Assert.Equal(PatchErrorId.ArchitectureMismatch, error.Id);
        Assert.Contains("183", error.Message);
    }

    private void AssertInvalid(string text)
    {
        PatchException error = Patches.Refused(_library.Bytes);
        Assert.Equal(PatchErrorId.PatchFileInvalid, error.Id);
        Assert.Contains(text, error.Message);
    }
}
