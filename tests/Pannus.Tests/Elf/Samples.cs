using Pannus.Tests.Support;

namespace Pannus.Tests.Elf;

/// <summary>The files that more than one test reads.</summary>
internal static class Samples
{
    public const string Libc = "/lib/x86_64-linux-gnu/libc.so.6";

    /// <summary>A bit of everything: static and global symbols, .bss, thread-local storage, many relocations, and a
    /// weak name.</summary>
    public const string Source = """
        #include <stdio.h>
        #include <string.h>
        __thread int per_thread = 7;
        static int counter = 3;
        int table[6] = { 1, 2, 3 };
        char zeros[5000];
        int (*pointer)(const char *) = puts;
        int *relocated[80] = { &table[0], &table[1], &counter, 0, &table[2], [70] = &counter, [79] = &table[5] };
        __attribute__((weak)) int weak_function(void);
        __attribute__((noinline)) static int helper(int a) { return a * counter; }
        int func_J(int a) { return helper(a) + table[a % 6] + per_thread + (weak_function ? weak_function() : 0); }
        int main(int argc, char **argv)
        {
            zeros[argc] = 1;
            memcpy(zeros, argv[0], 1);
            return func_J(argc) + pointer("x");
        }
        """;

    public static string Program => Gcc.Compile(Source, "-O1", "program");

    /// <summary><c>foo</c> in two versions: V1 is 1, V2 is 2 and the default.</summary>
    public static string VersionedLibrary
    {
        get
        {
            string script = Path.Combine(Path.GetDirectoryName(Gcc.Compile("", "-E", "empty"))!, "versions.map");
            File.WriteAllText(script, "V1 { global: foo; local: *; };\nV2 { global: foo; bar; } V1;\n");
            return Gcc.Compile("""
                int foo_old(void) { return 1; }
                int foo_new(void) { return 2; }
                int bar(void) { return foo_new() + 1; }
                __asm__(".symver foo_old, foo@V1");
                __asm__(".symver foo_new, foo@@V2");
                """, $"-shared -fPIC -Wl,-soname,libfoo.so.1 -Wl,--version-script={script}", "libfoo.so");
        }
    }

    /// <summary>The file as it is after all section headers were taken out of it.</summary>
    public static byte[] WithoutSections(string path)
    {
        byte[] bytes = File.ReadAllBytes(path);
        bytes.AsSpan(40, 8).Clear(); // e_shoff
        bytes.AsSpan(60, 4).Clear(); // e_shnum, e_shstrndx
        return bytes;
    }
}
