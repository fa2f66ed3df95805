using System.Runtime.InteropServices;
using Pannus.Core;
using Pannus.Images;
using Pannus.Tests.Elf;
using Pannus.Tests.Support;

namespace Pannus.Tests.Images;

/// <summary>A patch that uses a thread-local variable of its target; the target is a library loaded into this
/// process.</summary>
public unsafe partial class ThreadLocalTests
{
    private const int RtldDiTlsModid = 9; // dlfcn.h

    // Initial-exec, so that the variable lies at the same distance from the thread pointer in all threads.
    private static readonly string s_library = Gcc.Compile("""
        static __thread long filler[3] = { 1, 2, 3 };
        __thread long per_thread = 5;
        __thread long index_of_module[2];
        long get(void) { return per_thread + filler[0] - 1; }
        long thread_offset(void) { return (char *)&per_thread - (char *)__builtin_thread_pointer(); }
        """, "-shared -fPIC -ftls-model=initial-exec -O1", "libtls.so");

    private const string Patch = """
        #ifdef HIDDEN
        #pragma GCC visibility push(hidden)
        #endif
        extern __thread long per_thread;
        #pragma GCC visibility push(default)
        long bump(long n) { per_thread += n; return per_thread; }
        """;

    [Theory]
    [InlineData("-shared -fPIC -O1")]
    [InlineData("-shared -fPIC -O1 -ftls-model=initial-exec")]
    [InlineData("-c -fPIC -O1")]
    [InlineData("-c -fPIC -O1 -ftls-model=initial-exec")]
    [InlineData("-c -fPIC -O1 -ftls-model=local-dynamic -DHIDDEN")]
    [InlineData("-c -fno-pic -O1")]
    public void The_patch_and_the_target_use_the_same_variable_of_each_thread(string arguments)
    {
        nint library = NativeLibrary.Load(s_library);
        var get = (delegate* unmanaged<long>)NativeLibrary.GetExport(library, "get");
        using var patch = new LoadedPatch(
            Gcc.Compile(Patch, arguments, arguments.Contains("-shared") ? "tls.so" : "tls.o"),
                given: new() { ["per_thread"] = Variable(library) });

        long before = get();
        Assert.Equal(before + 7, patch.Call("bump", 7));
        Assert.Equal(before + 7, get());
        (long other, long seen) = (0, 0);
        var thread = new Thread(() => (other, seen) = (patch.Call("bump", 1), get()));
        thread.Start();
        thread.Join();
        Assert.Equal((6, 6), (other, seen));
        Assert.Equal(before + 7, get());
    }

    [Fact]
    public void A_variable_without_a_fixed_place_is_refused_with_the_way_out()
    {
        nint library = NativeLibrary.Load(s_library);
        PatchException error = Assert.Throws<PatchException>(() => new LoadedPatch(
            Gcc.Compile(Patch, "-shared -fPIC -O1 -ftls-model=initial-exec", "tls.so"),
            given: new() { ["per_thread"] = Variable(library) with { ThreadOffset = null } }));
        Assert.Equal(PatchErrorId.RelocationUnsupported, error.Id);
        Assert.Contains("R_X86_64_TPOFF64", error.Message);
        Assert.Contains("per_thread", error.Message);
        Assert.Contains("-ftls-model=global-dynamic", error.Message);
    }

    [Theory]
    [InlineData("-m64")]
    [InlineData("-m32")]
    public void Local_dynamic_code_is_refused_for_variables_of_two_modules(string machine)
    {
        using PatchFile patch = PatchFile.Open(Gcc.Compile("""
            #pragma GCC visibility push(hidden)
            extern __thread long one, two;
            long sum(void) { return one + two; }
            """, machine + " -c -fPIC -O1 -ftls-model=local-dynamic", "modules.o"));
        PatchImage image = PatchImageReader.Read(patch);
        SymbolTarget? In(ImageSymbol symbol, ulong module) => new SymbolTarget(0x1000, 8, symbol.Name == "two" ? module : 1, 8, -8);
        Relocator.Relocate(image, [.. image.Content], 0x100000, s => s.Name is "one" or "two" ? In(s, 1) : new SymbolTarget(0x1000));
        PatchException error = Assert.Throws<PatchException>(() =>
            Relocator.Relocate(image, [.. image.Content], 0x100000, s => s.Name is "one" or "two" ? In(s, 2) : new SymbolTarget(0x1000)));
        Assert.Equal(PatchErrorId.RelocationUnsupported, error.Id);
        Assert.Matches("(one and two|two and one).* of one module", error.Message);
        Assert.Contains("-ftls-model=initial-exec", error.Message);
    }

    [Theory]
    [InlineData("-shared -fPIC -O1", "own.so")]
    [InlineData("-shared -fPIC -O1 -ftls-model=initial-exec", "own.so")]
    [InlineData("-c -fPIC -O1", "own.o")]
    public void A_patch_with_thread_locals_of_its_own_is_refused(string arguments, string name)
    {
        PatchException error = Patches.Refused(
            Gcc.Compile("static __thread long own; long f(long n) { return own += n; }", arguments, name));
        Assert.Equal(PatchErrorId.RelocationUnsupported, error.Id);
        Assert.Contains("thread-local variables of its own", error.Message);
    }

    private static SymbolTarget Variable(nint library)
    {
        ulong module = 0;
        Assert.Equal(0, DlInfo(library, RtldDiTlsModid, &module));
        long offset = ((delegate* unmanaged<long>)NativeLibrary.GetExport(library, "thread_offset"))();
        // The library's block begins where filler does; readelf knows how far behind it the variable is.
        ulong inBlock = Readelf.DynamicSymbols(s_library).Single(s => s.Name == "per_thread").Value;
        return new SymbolTarget(0, 8, module, inBlock, offset);
    }

    [LibraryImport("libc.so.6", EntryPoint = "dlinfo")]
    private static partial int DlInfo(nint handle, int request, void* result);
}
