using System.Text;
using Pannus.Elf;
using Pannus.Tests.Support;

namespace Pannus.Tests.Elf;

public class NameSetTests
{
    [Fact]
    public void A_name_is_found_at_the_tail_of_another()
    {
        byte[] table = "\0foobar\0bar\0xbarx\0"u8.ToArray();
        Assert.Equal([(4u, "bar"), (8u, "bar")], Find(table, ["bar"]));
        Assert.Equal([(1u, "foobar"), (4u, "bar"), (8u, "bar"), (16u, "x")], Find(table, ["bar", "foobar", "x", "arx\0", "oba", ""]));
    }

    [Fact]
    public void The_last_name_of_a_table_that_is_cut_is_found_without_its_NUL()
    {
        Assert.Equal([(1u, "main"), (6u, "main")], Find("\0main\0main"u8.ToArray(), ["main"]));
        Assert.Equal([(0u, "a")], Find("a"u8.ToArray(), ["a", "b"]));
        Assert.Empty(Find([], ["a"]));
    }

    /// <summary>Tables of letters so few that names meet, share their tails and lie across every block's border.</summary>
    [Fact]
    public void Finds_what_a_naive_search_finds_in_tables_with_shared_tails()
    {
        for (int seed = 0; seed < 3000; seed++)
        {
            var random = new Random(seed);
            byte[] table = new byte[random.Next(0, 300)];
            int letters = random.Next(1, 4), nuls = random.Next(2, 20);
            for (int i = 0; i < table.Length; i++) table[i] = random.Next(nuls) == 0 ? (byte)0 : (byte)('a' + random.Next(letters));
            string[] names = [.. Enumerable.Range(0, random.Next(4) == 0 ? 1 : random.Next(1, 40)).Select(_ => Name(random, table, letters)).Distinct()];
            Assert.Equal(Naive(table, names), Find(table, names));
        }
    }

    [Fact]
    public void Finds_what_a_naive_search_finds_in_a_library()
    {
        using ElfImage image = ElfImage.OpenFile(Samples.Libc);
        byte[] table = image.SectionData(image.FindSection(".dynstr")!).ToArray();
        string[] names = [.. Encoding.UTF8.GetString(table).Split('\0').Where((n, i) => n.Length > 0 && i % 7 == 0).Distinct(), "py", "emcpy", "nothing"];
        List<(uint, string)> expected = Naive(table, names);
        Assert.True(expected.Count > names.Length);
        Assert.Equal(expected, Find(table, names));
        foreach (string name in names.Where((_, i) => i % 40 == 0)) Assert.Equal(Naive(table, [name]), Find(table, [name]));
    }

    [Fact]
    public void Symbols_are_those_that_a_pass_over_the_table_finds()
    {
        // The linker lets "bar" be the tail of "foobar"; "same" is a local function of two files.
        string other = Gcc.Compile("static int same(void) { return 2; } int (*second)(void) = same;", "-O0 -c", "other.o");
        string path = Gcc.Compile("""
            int foobar(void) { return 1; }
            int bar(void) { return 2; }
            static int same(void) { return bar(); }
            int main(void) { return same() + foobar(); }
            """, $"-O0 {other}", "tails");
        using ElfImage image = ElfImage.OpenFile(path);
        foreach (ElfSymbolTable table in (ElfSymbolTable[])[image.SymbolTable, image.DynamicSymbols])
        {
            string[] names = [.. table.Select(s => s.Name).Where(n => n.Length > 0).Distinct(), "ain", "no such name"];
            var expected = names.ToDictionary(n => n, n => table.Find(b => b.SequenceEqual(Encoding.UTF8.GetBytes(n))).Select(Text));
            // Twice: the second answer comes from what is known of the file.
            for (int i = 0; i < 2; i++)
            {
                foreach (string name in names) Assert.Equal(expected[name], table.Find([name]).Select(Text));
                Assert.Equal(names.SelectMany(n => expected[n]), table.Find(names).Select(Text));
            }
        }
        Assert.Equal(["other.c", "tails.c"], image.SymbolTable.Find(["same"]).Select(s => Path.GetFileName(s.File).Replace("source", "tails")).Order());
    }

    [Fact]
    public void A_file_that_was_changed_in_place_is_read_anew()
    {
        string first = Gcc.Compile("int one(void) { return 1; }", "-shared -fPIC", "first.so");
        string second = Gcc.Compile("int two(void) { return 1; }", "-shared -fPIC", "second.so");
        string path = first + ".copy";
        File.Copy(first, path, overwrite: true);
        using (ElfImage image = ElfImage.OpenFile(path)) Assert.Equal((1, 0), (Count(image, "one"), Count(image, "two")));
        File.Copy(second, path, overwrite: true);
        using (ElfImage image = ElfImage.OpenFile(path)) Assert.Equal((0, 1), (Count(image, "one"), Count(image, "two")));

        static int Count(ElfImage image, string name) => image.SymbolTable.Find([name]).Count;
    }

    [Fact]
    public void Symbols_near_an_address_are_the_same_by_index_and_by_a_pass()
    {
        foreach (string path in (string[])[Samples.Program, Samples.Libc])
        {
            using ElfImage image = ElfImage.OpenFile(path);
            ElfSymbolTable table = image.HasSymbolTable ? image.SymbolTable : image.DynamicSymbols;
            var index = new AddressIndex(table);
            var random = new Random(1);
            ulong[] ends = [.. table.Where(s => s.Value > 0).SelectMany(s => (ulong[])[s.Value, s.Value + s.Size])];
            for (int i = 0; i < 500; i++)
            {
                ulong start = ends[random.Next(ends.Length)] - 8 + (ulong)random.Next(16), end = start + (ulong)random.Next(300);
                Assert.Equal(table.Touching(start, end), index.Touching(table, start, end));
                Assert.Equal(table.Touching(start, end), table.Near(start, end));
            }
        }
    }

    private static (int, string, string) Text((ElfSymbol Symbol, string File) found) => (found.Symbol.Index, found.Symbol.Name, found.File);

    private static List<(uint, string)> Find(byte[] table, string[] names) =>
        [.. new NameSet(names).FindIn(table).Select(p => (p.Offset, names[p.Name])).Order()];

    private static List<(uint, string)> Naive(byte[] table, string[] names)
    {
        List<(uint, string)> found = [];
        foreach (string name in names)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(name);
            for (int at = 0; bytes.Length > 0 && at + bytes.Length <= table.Length; at++)
            {
                int end = at + bytes.Length;
                if (table.AsSpan(at, bytes.Length).SequenceEqual(bytes) && (end == table.Length || table[end] == 0)) found.Add(((uint)at, name));
            }
        }
        found.Sort();
        return found;
    }

    private static string Name(Random random, byte[] table, int letters)
    {
        string[] there = Encoding.ASCII.GetString(table).Split('\0', StringSplitOptions.RemoveEmptyEntries);
        if (there.Length > 0 && random.Next(4) > 0)
        {
            string whole = there[random.Next(there.Length)];
            return whole[random.Next(whole.Length)..];
        }
        return string.Concat(Enumerable.Range(0, random.Next(1, 12)).Select(_ => (char)('a' + random.Next(letters))));
    }
}
