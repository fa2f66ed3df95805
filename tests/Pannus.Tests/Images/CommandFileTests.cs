using System.Diagnostics;
using System.Text;
using Pannus.Core;
using Pannus.Images;

namespace Pannus.Tests.Images;

public sealed class CommandFileTests : IDisposable
{
    private readonly string _path = Path.GetTempFileName();

    public void Dispose() => File.Delete(_path);

    [Fact]
    public void Reads_every_command_and_directive()
    {
        PatchCommandSet set = CommandFile.Parse("""
            # The sample of 2004.
            name   fix of the login, second try
            build-id  0123456789ABCDEF

            J  func_J          func_J_plug   # a jump
            V  libx.so.1!var_V 0x0a00FF
            P	ptr.c:ptr_P+0x18	func_P_plug
            j  other@V2 plug2
            alias counter b.c:counter
            alias table lib.so!table
            requires first
            requires second
            replaces old, as it was called
            """, "test.cmd");

        Assert.Equal(("fix of the login, second try", "0123456789abcdef"), (set.Name, set.BuildId));
        Assert.Equal([(PatchCommandKind.Jump, "func_J", "func_J_plug", "", 5),
            (PatchCommandKind.Variable, "libx.so.1!var_V", "", "0a00ff", 6),
            (PatchCommandKind.Pointer, "ptr.c:ptr_P+0x18", "func_P_plug", "", 7),
                (PatchCommandKind.Jump, "other@V2", "plug2", "", 8)],
            set.Commands.Select(c => (c.Kind, c.Target, c.Source, c.Hex, c.Line)));
        Assert.All(set.Commands, c => Assert.Equal("test.cmd", c.File));
        Assert.Equal([("counter", "b.c:counter"), ("table", "lib.so!table")], set.Aliases.Select(a =>
            (a.Key, a.Value)).Order());
        Assert.Equal(["first", "second"], set.Requires);
        Assert.Equal(["old, as it was called"], set.Replaces);
    }

    [Theory]
    [InlineData("J a b\r\nV c 01\r\n")]
    [InlineData("\uFEFFJ a b\nV c 01")]
    [InlineData("   J \t a \t b  \n\n\n#\n # x\nV c 01#y\n\n")]
    public void Line_ends_blanks_comments_and_a_byte_order_mark_do_not_matter(string text)
    {
        File.WriteAllText(_path, text);
        Assert.Equal(["a", "c"], CommandFile.Read(_path).Commands.Select(c => c.Target));
    }

    [Theory]
    [InlineData(1, "X a b", "'X' is no command")]
    [InlineData(3, "J a b\n\nJump c d", "'Jump' is no command")]
    [InlineData(1, "J a", "1 operands instead of 2")]
    [InlineData(1, "J", "0 operands instead of 2")]
    [InlineData(2, "# c\r\nJ a b c", "3 operands instead of 2. Write: J TARGET_FUNCTION PATCH_FUNCTION")]
    [InlineData(1, "V a # 0011", "1 operands instead of 2. Write: V TARGET_VARIABLE HEXDATA")]
    [InlineData(1, "V a 00 11", "3 operands instead of 2")]
    [InlineData(1, "P a", "Write: P TARGET_POINTER PATCH_SYMBOL")]
    [InlineData(1, "V a 0g", "'g' in '0g' is no hex digit")]
    [InlineData(1, "V a 0x", "no hex digits")]
    [InlineData(1, "V a abc", "'abc' has an odd number of hex digits")]
    [InlineData(1, "V a 0xabc", "odd number")]
    [InlineData(1, "V a -1", "'-' in '-1' is no hex digit")]
    [InlineData(3, "J a b\nJ c d\nV a 00", "a is overwritten already in line 1")]
    [InlineData(2, "P a b\nP a c", "a is overwritten already in line 1")]
    [InlineData(2, "name x\nname y\nJ a b", "second 'name'")]
    [InlineData(1, "name   \nJ a b", "'name' without a name")]
    [InlineData(1, "name\t# nothing\nJ a b", "'name' without a name")]
    [InlineData(1, "build-id xyz\nJ a b", "'x' in 'xyz' is no hex digit")]
    [InlineData(1, "build-id\nJ a b", "Write: build-id HEX")]
    [InlineData(2, "build-id 00\nbuild-id 00\nJ a b", "second 'build-id'")]
    [InlineData(1, "alias a\nJ a b", "Write: alias NAME TARGET_SYMBOL")]
    [InlineData(2, "alias a b\nalias a c\nJ a b", "second alias for a")]
    [InlineData(1, "requires\nJ a b", "Write: requires ID")]
    [InlineData(1, "replaces # none\nJ a b", "Write: replaces ID")]
    [InlineData(2, "J a b\nJ 1x b", "'1x' is not a symbol name")]
    [InlineData(2, "J a b\nJ lib.so! b", "'lib.so!' is not a symbol name")]
    [InlineData(1, "alias x file.c:\nJ a b", "'file.c:' is not a symbol name")]
    public void Says_which_line_is_wrong_and_why(int line, string text, string why)
    {
        PatchException error = Invalid(() => CommandFile.Parse(text, "test.cmd"));
        Assert.StartsWith($"test.cmd:{line}: ", error.Message);
        Assert.Contains(why, error.Message);
    }

    [Theory]
    [InlineData("")]
    [InlineData("# nothing\n\n")]
    [InlineData("name x\nalias a b\n")]
    public void A_file_without_a_command_is_an_error(string text)
    {
        Assert.Contains("no command", Invalid(() => CommandFile.Parse(text, "test.cmd")).Message);
        File.WriteAllText(_path, text);
        Assert.Contains(_path, Invalid(() => CommandFile.Read(_path)).Message);
    }

    [Fact]
    public void A_binary_is_no_command_file()
    {
        Assert.Contains("binary", Invalid(() => CommandFile.Read("/bin/true")).Message);
        var random = new Random(7);
        for (int i = 0; i < 500; i++)
        {
            byte[] noise = new byte[random.Next(1, 200)];
            random.NextBytes(noise);
            File.WriteAllBytes(_path, noise);
            PatchException error = Invalid(() => CommandFile.Read(_path));
            Assert.DoesNotContain(error.Message[_path.Length..], c => char.IsControl(c));
        }
    }

    [Fact]
    public void A_long_line_of_junk_makes_no_long_message() =>
        Assert.InRange(Invalid(() => CommandFile.Parse(new string('x', 100_000), "f")).Message.Length, 10, 300);

    [Fact]
    public void A_file_that_is_too_large_or_never_ends_is_refused_soon()
    {
        var clock = Stopwatch.StartNew();
        File.WriteAllText(_path, "J a b\n" + new string('#', 2 << 20));
        Assert.Contains("larger", Invalid(() => CommandFile.Read(_path)).Message);
        Invalid(() => CommandFile.Read("/dev/zero"));
        Assert.InRange(clock.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(2));
    }

    [Fact]
    public void A_file_that_is_not_there_or_a_directory_is_not_found()
    {
        foreach (string path in (string[])["/no/such/file.cmd", Path.GetTempPath()])
        {
            PatchException error = Assert.Throws<PatchException>(() => CommandFile.Read(path));
            Assert.Equal(PatchErrorId.PatchFileNotFound, error.Id);
            Assert.Contains(path, error.Message);
        }
    }

    [Fact]
    public void Reads_a_thousand_commands()
    {
        var text = new StringBuilder();
        for (int i = 0; i < 1000; i++) text.Append("J f").Append(i).Append(" p").Append(i).Append('\n');
        Assert.Equal(1000, CommandFile.Parse(text.ToString(), "f").Commands.Count);
    }

    private static PatchException Invalid(Action parse)
    {
        PatchException error = Assert.Throws<PatchException>(parse);
        Assert.Equal(PatchErrorId.CommandInvalid, error.Id);
        return error;
    }
}
