using Pannus.Core;
using Pannus.Symbols;

namespace Pannus.Tests.Symbols;

public class SymbolNameTests
{
    [Theory]
    [InlineData("func", "", "", "func", "", 0)]
    [InlineData("  func ", "", "", "func", "", 0)]
    [InlineData("libssl.so.3!SSL_read", "libssl.so.3", "", "SSL_read", "", 0)]
    [InlineData("http.c:parse", "", "http.c", "parse", "", 0)]
    [InlineData("src/http.c:parse", "", "src/http.c", "parse", "", 0)]
    [InlineData("memcpy@GLIBC_2.14", "", "", "memcpy", "GLIBC_2.14", 0)]
    [InlineData("memcpy@@GLIBC_2.14", "", "", "memcpy", "GLIBC_2.14", 0)]
    [InlineData("table+0x18", "", "", "table", "", 0x18)]
    [InlineData("table+24", "", "", "table", "", 24)]
    [InlineData("lib.so!a.c:table@V1+0X1f", "lib.so", "a.c", "table", "V1", 0x1f)]
    [InlineData("libstdc++.so.6!_ZNSt6threadC1Ev", "libstdc++.so.6", "", "_ZNSt6threadC1Ev", "", 0)]
    [InlineData("libstdc++.so.6!table+8", "libstdc++.so.6", "", "table", "", 8)]
    [InlineData("std::swap", "", "", "std::swap", "", 0)]
    [InlineData("a::b::c+4", "", "", "a::b::c", "", 4)]
    [InlineData("operator+", "", "", "operator+", "", 0)]
    [InlineData("operator++", "", "", "operator++", "", 0)]
    [InlineData("operator+=", "", "", "operator+=", "", 0)]
    [InlineData("ns::operator+", "", "", "ns::operator+", "", 0)]
    [InlineData("operator++0x8", "", "", "operator+", "", 8)]
    [InlineData("operator!=", "", "", "operator!=", "", 0)]
    [InlineData("operator!", "", "", "operator!", "", 0)]
    [InlineData("lib.so!operator!=", "lib.so", "", "operator!=", "", 0)]
    [InlineData("func.constprop.0", "", "", "func.constprop.0", "", 0)]
    [InlineData("_$weird.name", "", "", "_$weird.name", "", 0)]
    [InlineData("größe", "", "", "größe", "", 0)]
    public void Takes_a_name_apart(string text, string module, string file, string name, string version,
        ulong offset) =>
        Assert.Equal((module, file, name, version, offset), Parts(SymbolName.Parse(text)));

    [Theory]
    [InlineData("")]
    [InlineData("   ")]
    [InlineData("!")]
    [InlineData("lib.so!")]
    [InlineData("a.c:")]
    [InlineData("1func")]
    [InlineData("0x401000")]
    [InlineData("lib.so!0x10")]
    [InlineData("two words")]
    [InlineData("a\tb")]
    [InlineData("a\0b")]
    [InlineData("+5")]
    [InlineData("@V1")]
    [InlineData(":func")]
    [InlineData("func@")]
    [InlineData("func@@")]
    [InlineData("table+0x")]
    [InlineData("table+0xzz")]
    [InlineData("table+12monkeys")]
    [InlineData("table+0x10000000000000000")]
    [InlineData("table+99999999999999999999")]
    public void Garbage_is_no_name(string text)
    {
        PatchException error = Assert.Throws<PatchException>(() => SymbolName.Parse(text));
        Assert.Equal(PatchErrorId.CommandInvalid, error.Id);
        // What a terminal would obey is not shown.
        Assert.Contains($"'{string.Concat(text.Select(c => char.IsControl(c) ? '?' : c))}'", error.Message);
    }

    private static (string, string, string, string, ulong) Parts(SymbolName n) =>
        (n.Module, n.File, n.Name, n.Version, n.Offset);
}
