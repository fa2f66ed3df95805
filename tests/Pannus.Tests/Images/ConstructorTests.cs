using Pannus.Core;
using Pannus.Images;
using Pannus.Tests.Support;

namespace Pannus.Tests.Images;

public class ConstructorTests
{
    private const string Plain = "int v = 1; int f(int a) { return a + v; }";
    private const string Static =
        "int v; __attribute__((constructor)) static void begin(void) { v++; } int f(int a) { return a + v; }";
    private const string Exported =
        "int v; __attribute__((constructor)) void begin(void) { v++; } int f(int a) { return a + v; }";
    private const string Tail =
        "extern int puts(const char *); __attribute__((constructor)) static void begin(void) { puts(\"\"); }";
    private const string Init = "int v; void _init(void) { v++; } int f(int a) { return a + v; }";
    private const string Cpp =
        "extern \"C\" int getpid(); struct S { int v; S() : v(getpid()) {} } s; extern \"C\" int f() { return s.v; }";

    [Theory]
    [InlineData("")]
    [InlineData("-s")]
    [InlineData("-fcf-protection")]
    [InlineData("-fcf-protection -s")]
    [InlineData("-Wl,-z,pack-relative-relocs -s")]
    [InlineData("-Wl,-z,now -O2")]
    [InlineData("-nostartfiles")]
    [InlineData("-fuse-ld=gold")]
    public void What_gcc_brings_itself_is_no_constructor(string arguments)
    {
        using PatchFile patch = PatchFile.Open(Gcc.Compile(Plain, $"-shared -fPIC {arguments}", "plain.so"));
        Assert.NotEmpty(PatchImageReader.Read(patch).Content);
    }

    [Theory]
    [InlineData(Static, "", "begin")]
    [InlineData(Static, "-s", "the function at")]
    [InlineData(Static, "-nostartfiles -O2", "begin")]
    [InlineData(Static, "-nostartfiles -O2 -s", "the function at")]
    [InlineData(Static, "-Wl,-z,pack-relative-relocs", "begin")]
    [InlineData(Exported, "", "begin")]
    [InlineData(Exported, "-s", "begin")]
    [InlineData(Exported, "-nostartfiles -O2 -s", "begin")]
    [InlineData(Exported, "-Wl,-Bsymbolic", "begin")]
    [InlineData(Tail, "-O2", "begin")]
    [InlineData(Tail, "-O2 -nostartfiles -s", "the function at")]
    [InlineData(Init, "-nostartfiles", "_init")]
    [InlineData(Init, "-nostartfiles -s -O2", "_init")]
    [InlineData("void begin(void) { }", "-nostartfiles -Wl,-init=begin", "begin")]
    [InlineData(Cpp, "-xc++", "_GLOBAL__sub_I_")]
    [InlineData(Cpp, "-xc++ -s", "the function at")]
    public void Constructors_are_refused_and_named(string source, string arguments, string name)
    {
        PatchException error = Patches.Refused(Gcc.Compile(source, $"-shared -fPIC {arguments}", "constructor.so"));
        Assert.Equal(PatchErrorId.ConstructorUnsupported, error.Id);
        Assert.Contains(name, error.Message);
    }

    [Theory]
    [InlineData(Static, "")]
    [InlineData(Exported, "-O2")]
    [InlineData("__attribute__((constructor(101))) void begin(void) { }", "")]
    [InlineData(Cpp, "-xc++")]
    public void Constructors_of_objects_are_refused(string source, string arguments)
    {
        PatchException error = Patches.Refused(Gcc.Compile(source, $"-c -fPIC {arguments}", "constructor.o"));
        Assert.Equal(PatchErrorId.ConstructorUnsupported, error.Id);
        Assert.Contains(".init_array", error.Message);
    }
}
