using Pannus.Core;
using Pannus.Elf;
using Pannus.Images;
using Pannus.Tests.Support;

namespace Pannus.Tests.Images;

/// <summary>Patch files for the tests of the loader, and what becomes of them.</summary>
internal static class Patches
{
    /// <summary>A patch with functions, data, .bss, strings, imports and pointers.</summary>
    public const string Source = """
        #include <string.h>
        extern int target_counter;
        static int calls;
        int limit = 10;
        char buffer[3000];
        const char *const names[] = { "one", "two", "three" };
        int *pointers[] = { &limit, &calls, &target_counter };
        int plug(int a)
        {
            calls++;
            target_counter += a;
            strcpy(buffer, names[a % 3]);
            return (int)strlen(buffer) + *pointers[0];
        }
        int again(int a) { return plug(a) + plug(a + 1); }
        """;

    public static string SharedObject => Gcc.Compile(Source, "-shared -fPIC -O1", "patch.so");

    public static string Object => Gcc.Compile(Source, "-c -fPIC -O1", "patch.o");

    /// <summary>Reads a patch from bytes as from a file, and relocates it for some address with every name
    /// known.</summary>
    public static void LoadBytes(byte[] bytes)
    {
        string path = Path.Combine(Path.GetTempPath(), $"pannus-hostile-{Guid.NewGuid():n}");
        try
        {
            File.WriteAllBytes(path, bytes);
            Load(path);
        }
        finally
        {
            File.Delete(path);
        }
    }

    public static void Load(string path)
    {
        using PatchFile patch = PatchFile.Open(path);
        PatchImage image = PatchImageReader.Read(patch);
        const ulong address = 0x5555_0000_0000;
        byte[] content = [.. image.Content];
        Relocator.Relocate(image, content, address, symbol =>
            symbol.IsThreadLocal
            ? new SymbolTarget(0, symbol.Size, 1, 2, -8)
            : new SymbolTarget(symbol.IsDefined ? address + symbol.Value : address - 0x10000, symbol.Size));
    }

    /// <summary>The error that a patch is refused with.</summary>
    public static PatchException Refused(byte[] bytes) => Assert.Throws<PatchException>(() => LoadBytes(bytes));

    /// <summary>The error that a patch is refused with.</summary>
    public static PatchException Refused(string path) => Assert.Throws<PatchException>(() => Load(path));

    /// <summary>A section header of a file.</summary>
    public static SectionHeader Section(string path, string name)
    {
        using ElfImage image = ElfImage.OpenFile(path);
        return image.FindSection(name)!;
    }
}
