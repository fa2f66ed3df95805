using Pannus.Core;
using Pannus.Images;
using Pannus.Machines;
using Pannus.Tests.Elf;
using Pannus.Tests.Support;

namespace Pannus.Tests.Images;

/// <summary>Patches as the compiler makes them in all its code models: after relocation their functions work.</summary>
public class RelocationTests
{
    // Imports by call and by address, own data of every kind, and a jump table.
    public const string Source = """
        #include <stddef.h>
        #include <string.h>
        #include <stdlib.h>
        extern long target_counter;
        extern long *target_pointer;
        extern long missing(long) __attribute__((weak));
        static long calls;
        long limit = 100;
        long zeros[2000];
        static const char *const names[] = { "one", "three", "twelve" };
        long *pointers[] = { &limit, &calls, &target_counter };
        size_t (*imported)(const char *) = strlen;
        static int compare(const void *a, const void *b) { return (int)(*(const long *)a - *(const long *)b); }
        __attribute__((noinline)) static long add(long a, long b) { calls++; return a + b; }
        __attribute__((noinline)) long global_add(long a, long b) { return add(a, b); }
        long plug(long n)
        {
            long numbers[] = { 5, 3, 9, 1 };
            qsort(numbers, 4, sizeof *numbers, compare);
            zeros[1999] += n;
            target_counter += n;
            target_pointer = &zeros[1999];
            return global_add(numbers[0] * 1000 + numbers[3], (long)strlen(names[n % 3])) + (long)imported(names[2])
                + *pointers[0];
        }
        long through(long n) { return *pointers[n]; }
        long has_missing(void) { return missing != 0; }
        long choose(long n)
        {
            switch (n) {
            case 0: return plug(0); case 1: return limit; case 2: return 77; case 3: return calls;
            case 4: return zeros[1999];
            case 5: return strlen("seven!!"); case 6: return global_add(n, n); default: return -1;
            }
        }
        """;

    [Theory]
    [InlineData("-shared -fPIC -O0", false)]
    [InlineData("-shared -fPIC -O2", false)]
    [InlineData("-shared -fPIC -O2 -Wl,-Bsymbolic -Wl,-z,now", false)]
    [InlineData("-shared -fPIC -O2 -fno-plt", false)]
    [InlineData("-shared -fPIC -O2 -fvisibility=hidden", false)]
    [InlineData("-shared -fPIC -O2 -Wl,-z,pack-relative-relocs", false)]
    [InlineData("-shared -fPIC -O2 -Wl,-z,noseparate-code", false)]
    [InlineData("-shared -fPIC -O2 -Wl,-Ttext-segment=0x7000000", false)]
    [InlineData("-shared -fno-pic -mcmodel=large -O1 -Wl,-z,notext", false)]
    [InlineData("-c -fPIC -O0", false)]
    [InlineData("-c -fPIC -O2", false)]
    [InlineData("-c -fPIC -O2 -fno-plt", false)]
    [InlineData("-c -fPIC -O2 -ffunction-sections -fdata-sections", false)]
    [InlineData("-c -fPIE -O1 -fcf-protection", false)]
    [InlineData("-c -fPIC -Os -fcommon", false)]
    [InlineData("-c -fno-pic -O0", true)]
    [InlineData("-c -fno-pic -O2", true)]
    [InlineData("-c -fno-pic -O2 -fno-plt", true)]
    [InlineData("-c -fno-pic -O1 -mcmodel=large", false)]
    public void A_patch_works_however_it_was_compiled(string arguments, bool isLow)
    {
        string path = Gcc.Compile(Source, arguments, arguments.Contains("-shared") ? "patch.so" : "patch.o");
        using var patch = new LoadedPatch(path, isLow, null, "target_counter", "target_pointer");
        patch.Variable("target_counter") = 40;

        Assert.Equal(1009 + 5 + 6 + 100, patch.Call("plug", 1));
        Assert.Equal(41, patch.Variable("target_counter"));
        Assert.Equal((long)patch["zeros"] + 8 * 1999, patch.Variable("target_pointer"));
        Assert.Equal([100, 1, 41], new long[] { 0, 1, 2 }.Select(n => patch.Call("through", n)));
        Assert.Equal(0, patch.Call("has_missing"));
        Assert.Equal([1009 + 3 + 6 + 100, 100, 77, 2, 1, 7, 12, -1], Enumerable.Range(0, 8).Select(n =>
            patch.Call("choose", n)));
        Assert.Equal(isLow, patch.Image.NeedsLowAddress);
    }

    [Fact]
    public void Compilers_make_the_relocations_that_these_tests_are_about()
    {
        HashSet<string> seen = [];
        foreach ((string arguments, string name) in (ReadOnlySpan<(string, string)>)[
            ("-shared -fPIC -O0", "patch.so"), ("-c -fPIC -O2", "patch.o"), ("-c -fPIC -O2 -fno-plt", "patch.o"),
            ("-c -fno-pic -O0", "patch.o"), ("-c -fno-pic -O1 -mcmodel=large", "patch.o"),
            ("-shared -fno-pic -mcmodel=large -O1 -Wl,-z,notext", "patch.so")])
        {
            foreach (Readelf.Relocation r in Readelf.Relocations(Gcc.Compile(Source, arguments,
                name))) seen.Add(r.Type);
        }
        foreach (string name in (string[])["RELATIVE", "64", "GLOB_DAT", "JUMP_SLOT", "PC32", "PLT32", "32", "32S",
            "GOTPCRELX", "REX_GOTPCRELX"])
            Assert.Contains("R_X86_64_" + name, seen);
    }

    [Fact]
    public void Low_code_is_refused_where_its_addresses_do_not_fit()
    {
        string path = Gcc.Compile(Source, "-c -fno-pic -O0", "patch.o");
        PatchException error = Assert.Throws<PatchException>(() =>
            new LoadedPatch(path, false, null, "target_counter", "target_pointer"));
        Assert.Equal(PatchErrorId.RelocationUnsupported, error.Id);
        Assert.Contains("does not fit 32 bits", error.Message);
        Assert.Contains("-fPIC", error.Message);
    }

    [Fact]
    public void Functions_that_the_patch_picks_at_run_time_are_picked()
    {
        const string source = """
            static long fast(long n) { return n * 2; }
            static long slow(long n) { return n * 3; }
            long use_fast = 1;
            static long (*pick_local(void))(long) { return fast; }
            long (*pick_exported(void))(long) { return slow; }
            static long local(long) __attribute__((ifunc("pick_local")));
            long exported(long) __attribute__((ifunc("pick_exported")));
            long (*pointer)(long) = exported;
            long call(long n) { return local(n) * 100 + exported(n) * 10 + pointer(n); }
            """;
        using var library = new LoadedPatch(Gcc.Compile(source, "-shared -fPIC -O1", "ifunc.so"));
        Assert.Contains(library.Image.Relocations, r => r.Type == X64Relocation.Irelative);
        Assert.Equal(1 * 2 * 100 + 3 * 10 + 3, library.Call("call", 1));
    }

    [Fact]
    public void Every_value_is_that_of_the_psABI()
    {
        const ulong address = 0x1000_0000, symbol = 0x1234_5678;
        AssertValue(X64Relocation.Abs64, 8, symbol + 5);
        AssertValue(X64Relocation.Abs32, 4, symbol + 5);
        AssertValue(X64Relocation.Abs32Signed, 4, symbol + 5);
        AssertValue(X64Relocation.Pc32, 4, symbol + 5 - (address + 16));
        AssertValue(X64Relocation.Plt32, 4, symbol + 5 - (address + 16));
        AssertValue(X64Relocation.Pc64, 8, symbol + 5 - (address + 16));
        AssertValue(X64Relocation.GlobDat, 8, symbol);
        AssertValue(X64Relocation.JumpSlot, 8, symbol);
        AssertValue(X64Relocation.Relative, 8, address - 0x4000 + 5);
            // The patch's first page has address 0x4000 in the file.
        AssertValue(X64Relocation.Size32, 4, 44 + 5);
        AssertValue(X64Relocation.Size64, 8, 44 + 5);
        AssertValue(X64Relocation.DtpMod64, 8, 3);
        AssertValue(X64Relocation.DtpOff64, 8, 0x20 + 5);
        AssertValue(X64Relocation.TpOff64, 8, unchecked((ulong)(-0x40 + 5)));
        AssertValue(X64Relocation.TpOff32, 4, unchecked((ulong)(-0x40 + 5)));
        AssertValue(X64Relocation.None, 8, 0);

        static void AssertValue(uint type, int width, ulong expected) =>
            RelocationTests.AssertValue(TargetArchitecture.X64, type, width, address, symbol, expected);
    }

    // What compilers make is in IA32RelocationTests; this is for the rest.
    [Fact]
    public void Every_value_that_only_an_assembler_makes_is_that_of_the_psABI()
    {
        const ulong address = 0x40, symbol = 0x31;
        AssertValue(IA32Relocation.Abs16, 2, symbol + 5);
        AssertValue(IA32Relocation.Abs8, 1, symbol + 5);
        AssertValue(IA32Relocation.Pc16, 2, unchecked(symbol + 5 - (address + 16)));
        AssertValue(IA32Relocation.Pc8, 1, unchecked(symbol + 5 - (address + 16)));
        AssertValue(IA32Relocation.Size32, 4, 44 + 5);
        AssertValue(IA32Relocation.TlsLe32, 4, 0x40 + 5);
        AssertValue(IA32Relocation.None, 4, 0);

        static void AssertValue(uint type, int width, ulong expected) =>
            RelocationTests.AssertValue(TargetArchitecture.IA32, type, width, address, symbol, expected);
    }

    [Theory]
    [InlineData(IA32Relocation.Copy, "R_386_COPY", "-shared -fPIC")]
    [InlineData(IA32Relocation.TlsDesc, "R_386_TLS_DESC", "-mtls-dialect=gnu")]
    [InlineData(24, "R_386_TLS_GD_32", "does not know")] // Sun's
    public void Relocations_of_IA32_that_cannot_be_done_are_named(uint type, string name, string remedy)
    {
        PatchException error = Assert.Throws<PatchException>(() => AssertValue(TargetArchitecture.IA32, type, 4, 0x1000, 0x2000, 0));
        Assert.Equal(PatchErrorId.RelocationUnsupported, error.Id);
        Assert.Contains(name, error.Message);
        Assert.Contains(remedy, error.Message);
    }

    [Fact]
    public void A_variable_that_is_thread_local_in_the_target_is_no_ordinary_one()
    {
        foreach (uint type in (uint[])[X64Relocation.GlobDat, X64Relocation.Abs64, X64Relocation.Pc32])
        {
            PatchException error = Assert.Throws<PatchException>(() =>
                Relocator.Relocate(Image(type, 0), new byte[4096], 0x1000, _ => new SymbolTarget(0, 4, 1, 8, -8)));
            Assert.Equal(PatchErrorId.RelocationUnsupported, error.Id);
            Assert.Contains("thread-local", error.Message);
        }
    }

    [Fact]
    public void A_thread_local_relocation_needs_a_thread_local_variable()
    {
        foreach (uint type in (uint[])[X64Relocation.DtpMod64, X64Relocation.TpOff64])
        {
            PatchException error = Assert.Throws<PatchException>(() =>
                Relocator.Relocate(Image(type, 0), new byte[4096], 0x1000, _ => new SymbolTarget(0x2000, 4)));
            Assert.Equal(PatchErrorId.RelocationUnsupported, error.Id);
        }
    }

    private static void AssertValue(TargetArchitecture architecture, uint type, int width, ulong address, ulong symbol, ulong expected)
    {
        byte[] content = new byte[4096];
        Relocator.Relocate(Image(type, 5, architecture), content, address, _ => architecture.RuleOf(type).IsThreadLocal
            ? new SymbolTarget(0, 44, 3, 0x20, -0x40) : new SymbolTarget(symbol, 44));
        byte[] place = new byte[4096];
        BitConverter.GetBytes(expected).AsSpan(0, width).CopyTo(place.AsSpan(16));
        Assert.Equal(place, content);
    }

    private static PatchImage Image(uint type, long addend, TargetArchitecture? architecture = null) => new()
    {
        Name = "made.so",
        Architecture = architecture ?? TargetArchitecture.X64,
        Content = new byte[4096],
        Segments = [],
        Relocations = [new ImageRelocation(16, type,
            new ImageSymbol("thing", "", 0, 0, false, false, false, false, false, false), addend)],
        Defined = new Dictionary<string, ImageSymbol>(),
        FirstAddress = 0x4000,
        Alignment = 4096,
    };
}
