using Pannus.Core;
using Pannus.Elf;
using Pannus.Images;
using Pannus.Tests.Support;

namespace Pannus.Tests.Images;

/// <summary>Commands that pannus.h puts into the patch itself.</summary>
public class EmbeddedCommandTests
{
    private const string Source = """
        #include "pannus.h"
        PANNUS_NAME("greeting, louder");
        PANNUS_JUMP(http.c:greet, plug);
        PANNUS_VARIABLE(lib.so.1!limit, "e8030000");
        PANNUS_POINTER(table+0x18, plug);
        PANNUS_BUILD_ID("00ff");
        PANNUS_ALIAS(counter, "b.c:counter");
        PANNUS_REQUIRES("0123456789ab");
        PANNUS_REPLACES("greeting, loud");
        int plug(int a) { return a + 1; }
        """;

    [Theory]
    [InlineData("-shared -fPIC", "embedded.so")]
    [InlineData("-shared -fPIC -O2 -s -Wl,--gc-sections", "embedded.so")]
    [InlineData("-c -fPIC", "embedded.o")]
    [InlineData("-shared -fPIC -O2 -flto", "embedded.so")]
    public void The_patch_file_holds_its_commands(string arguments, string fileName)
    {
        using PatchFile patch = PatchFile.Open(Compile(Source, arguments, fileName));
        PatchCommandSet set = CommandFile.ReadEmbedded(patch.Image)!;
        Assert.Equal(("greeting, louder", "00ff"), (set.Name, set.BuildId));
        Assert.Equal([(PatchCommandKind.Jump, "http.c:greet", "plug", ""),
            (PatchCommandKind.Variable, "lib.so.1!limit", "", "e8030000"),
            (PatchCommandKind.Pointer, "table+0x18", "plug", "")], set.Commands.Select(c =>
                (c.Kind, c.Target, c.Source, c.Hex)));
        Assert.Equal("b.c:counter", set.Aliases["counter"]);
        Assert.Equal(["0123456789ab", "greeting, loud"], [.. set.Requires, .. set.Replaces]);
        Assert.Contains(".pannus", set.Commands[0].File);
        // It must not be loaded with the patch.
        Assert.False(patch.Image.FindSection(CommandFile.SectionName)!.Flags.HasFlag(SectionFlags.Alloc));
    }

    [Fact]
    public void Commands_of_several_sources_come_together()
    {
        string first = Compile("#include \"pannus.h\"\nPANNUS_JUMP(a, plug_a);\nvoid plug_a(void) { }", "-c -fPIC",
            "first.o");
        string patch = Compile("#include \"pannus.h\"\nPANNUS_JUMP(b, plug_b);\nvoid plug_b(void) { }",
            $"-shared -fPIC {first}", "both.so");
        using ElfImage image = ElfImage.OpenFile(patch);
        Assert.Equal(["a", "b"], CommandFile.ReadEmbedded(image)!.Commands.Select(c => c.Target));
    }

    [Fact]
    public void A_patch_without_commands_has_none()
    {
        using ElfImage image = ElfImage.OpenFile(Compile("int v;", "-shared -fPIC", "none.so"));
        Assert.Null(CommandFile.ReadEmbedded(image));
    }

    [Fact]
    public void A_wrong_command_names_the_patch_file()
    {
        string path = Compile("#include \"pannus.h\"\nPANNUS_JUMP(a, plug_a);\nPANNUS_VARIABLE(b, \"123\");",
            "-shared -fPIC", "wrong.so");
        using ElfImage image = ElfImage.OpenFile(path);
        PatchException error = Assert.Throws<PatchException>(() => CommandFile.ReadEmbedded(image));
        Assert.Equal(PatchErrorId.CommandInvalid, error.Id);
        Assert.StartsWith($"{path}(.pannus):2: ", error.Message);
    }

    private static string Compile(string source, string arguments, string fileName) =>
        Gcc.Compile(source, $"-I{IncludeDirectory()} {arguments}", fileName);

    // The sources are built with mapped paths, so it is looked for above the tests.
    private static string IncludeDirectory()
    {
        for (DirectoryInfo? d = new(AppContext.BaseDirectory); d is not null; d = d.Parent)
            if (File.Exists(Path.Combine(d.FullName, "src/include/pannus.h"))) return Path.Combine(d.FullName,
                "src/include");
        throw new InvalidOperationException("src/include/pannus.h");
    }
}
