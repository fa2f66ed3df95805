using System.Globalization;
using System.Text.RegularExpressions;
using Pannus.Tests.Support;

namespace Pannus.Tests.Elf;

/// <summary>What readelf of binutils says is in a file: the oracle of these tests.</summary>
internal static partial class Readelf
{
    /// <summary>A line of <c>readelf --syms</c>; the name has its version: <c>foo@@V2</c>.</summary>
    public sealed record Symbol(int Index, ulong Value, ulong Size, string Type, string Binding, string Section,
        string Name);

    /// <summary>A line of <c>readelf --relocs</c>; the symbol's name is without its version.</summary>
    public sealed record Relocation(ulong Offset, string Type, string Symbol, string Section);

    public static IReadOnlyList<Symbol> DynamicSymbols(string path) => Symbols(path, "--dyn-syms");

    /// <summary>The first table that --syms shows and that is no .dynsym.</summary>
    public static IReadOnlyList<Symbol> SymbolTable(string path) => Symbols(path, "--syms", "Symbol table '.symtab'");

    public static IReadOnlyList<Relocation> Relocations(string path, string arguments = "--relocs")
    {
        List<Relocation> all = [];
        string section = "";
        foreach (string line in Gcc.Run("readelf", $"-W {arguments} {path}").Split('\n'))
        {
            if (RelocationSection().Match(line) is { Success: true } heading) section = heading.Groups[1].Value;
            if (RelocationLine().Match(line) is { Success: true } m)
                all.Add(new Relocation(Hex(m.Groups[1].Value), m.Groups[2].Value, m.Groups[3].Value.Split('@')[0], section));
        }
        return all;
    }

    public static string BuildId(string path) =>
        Regex.Match(Gcc.Run("readelf", $"-n {path}"), "Build ID: ([0-9a-f]+)").Groups[1].Value;

    private static List<Symbol> Symbols(string path, string what, string? heading = null)
    {
        string text = Gcc.Run("readelf", $"-W {what} {path}");
        if (heading is not null) text = text[text.IndexOf(heading, StringComparison.Ordinal)..];
        return [.. text.Split('\n').Select(l => SymbolLine().Match(l)).Where(m => m.Success).Select(m => new Symbol(
            int.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture), Hex(m.Groups[2].Value), Size(m.Groups[3].Value),
            m.Groups[4].Value, m.Groups[5].Value, m.Groups[6].Value,
                ReferenceNumber().Replace(m.Groups[7].Value, "")))];
    }

    private static ulong Hex(string text) => ulong.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    private static ulong Size(string text) => text.StartsWith("0x", StringComparison.Ordinal)
        ? Hex(text[2..]) : ulong.Parse(text, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^\s*(\d+): ([0-9a-f]+)\s+(\S+) (\S+)\s+(\S+)\s+\S+\s+(\S+)(?: (.*))?$")]
    private static partial Regex SymbolLine();

    [GeneratedRegex(@"^Relocation section '\.rela?(\S*)'")]
    private static partial Regex RelocationSection();

    [GeneratedRegex(@"^([0-9a-f]{8,16})  [0-9a-f]{8,16} (R_\S+)(?:\s+[0-9a-f]{8,16}\s+(\S+))?")]
    private static partial Regex RelocationLine();

    // "printf@GLIBC_2.2.5 (2)": the number is an index into the version section.
    [GeneratedRegex(@" \(\d+\)$")]
    private static partial Regex ReferenceNumber();
}
