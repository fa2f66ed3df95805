using System.Text.RegularExpressions;
using Pannus.Core;
using Pannus.Tests.Support;

namespace Pannus.Tests;

/// <summary>The folders of the engine are floors: each uses only those that stand before it in the list.</summary>
public sealed partial class LayerTests
{
    private static readonly string[] s_floors =
    [
        "Core", "Linux", "Elf", "Machines", "Targets", "Unwinding", "Symbols", "Holding", "Safety", "Images", "Borrowing",
        "Backends", "Journal", "Planning", "Applying", "LivePatches", "Fleet",
    ];

    private static string Engine => Path.Combine(Built.Repository, "src/Pannus");

    [Fact]
    public void Every_folder_is_a_floor() =>
        Assert.Equal(s_floors.Order(), Directory.GetDirectories(Engine).Select(Path.GetFileName).Order());

    [Fact]
    public void A_namespace_is_its_folder()
    {
        Assert.All(Sources(), source =>
            Assert.Equal($"namespace Pannus.{source.Floor};", NamespaceLine().Match(source.Text).Value.TrimEnd()));
        string tests = Path.Combine(Built.Repository, "tests/Pannus.Tests");
        Assert.All(Directory.EnumerateFiles(tests, "*.cs", SearchOption.AllDirectories), file =>
        {
            string name = NamespaceLine().Match(File.ReadAllText(file)).Value.TrimEnd();
            string folder = Path.GetRelativePath(tests, Path.GetDirectoryName(file)!).Replace('/', '.');
            if (name.Length > 0) Assert.Equal(folder == "." ? "namespace Pannus.Tests;" : $"namespace Pannus.Tests.{folder};", name);
        });
    }

    [Fact]
    public void No_file_uses_a_floor_below_its_own()
    {
        string[] wrong = [.. Sources().SelectMany(s => Uses(s.Text, s.Floor).Where(u => Height(u) > Height(s.Floor))
            .Select(u => $"{s.Floor}/{s.Name} uses {u}"))];
        Assert.Empty(wrong);
    }

    [Fact]
    public void Only_Linux_calls_the_kernel()
    {
        Assert.Empty(Sources().Where(s => s.Floor != "Linux" && RawCall().IsMatch(s.Text)).Select(s => $"{s.Floor}/{s.Name}"));
    }

    // The readers of ELF files; the words that spinners share; the rehearsal of a call on memory of our own.
    [Fact]
    public void Unsafe_code_is_in_Linux_and_in_the_few_places_that_need_it() =>
        Assert.Equal(["Borrowing/RemoteCall.cs", "Elf/ElfBytes.cs", "Elf/ElfImage.Compressed.cs", "Elf/NameSet.cs", "Holding/ProcessorClaim.cs"],
            Sources().Where(s => s.Floor != "Linux" && Unsafe().IsMatch(s.Text)).Select(s => $"{s.Floor}/{s.Name}").Order());

    [Theory]
    [InlineData("using Pannus.Fleet;\n\nnamespace Pannus.Core;")]
    [InlineData("using static Pannus.Fleet.TargetCatalog;\n")]
    [InlineData("using Catalog = Pannus.Fleet.TargetCatalog;\n")]
    [InlineData("global using global::Pannus.Fleet;\n")]
    [InlineData("    var a = Fleet.TargetCatalog.GetAll();")]
    [InlineData("    List<Fleet.TargetCatalog> a = [];")]
    [InlineData("    /// See <see cref=\"Fleet.TargetCatalog\"/>.")]
    public void A_use_is_seen_in_every_form(string text) => Assert.Equal(["Fleet"], Uses(text, "Core"));

    private static int Height(string floor) => Array.IndexOf(s_floors, floor);

    private static IEnumerable<(string Floor, string Name, string Text)> Sources() =>
        Directory.EnumerateFiles(Engine, "*.cs", SearchOption.AllDirectories).Select(file =>
            (Path.GetRelativePath(Engine, Path.GetDirectoryName(file)!), Path.GetFileName(file), File.ReadAllText(file)));

    // Other namespaces are reached by a using or by a qualified name, which may leave out "Pannus.". A member that is called
    // like a floor is told from it by what follows: a type of that floor.
    private static IEnumerable<string> Uses(string text, string own) => s_floors.Where(floor => floor != own
        && (Regex.IsMatch(text, $@"\bPannus\.{floor}\b") || Regex.Matches(text, $@"(?<![\w.]|\?\.){floor}\.(\w+)")
            .Any(m => Types(floor).Contains(m.Groups[1].Value))));

    private static HashSet<string> Types(string floor) => s_types[floor];

    private static readonly Dictionary<string, HashSet<string>> s_types = typeof(PatchException).Assembly.GetTypes()
        .Where(t => t.Namespace is not null && t.Namespace.StartsWith("Pannus.", StringComparison.Ordinal))
        .GroupBy(t => t.Namespace!["Pannus.".Length..]).ToDictionary(g => g.Key, g => g.Select(t => t.Name.Split('`')[0]).ToHashSet());

    [GeneratedRegex(@"\bSyscall\.(Call|Open)\b|\bLibraryImport\b|\bDllImport\b")]
    private static partial Regex RawCall();

    [GeneratedRegex(@"^[^/""]*\bunsafe\b", RegexOptions.Multiline)]
    private static partial Regex Unsafe();

    [GeneratedRegex(@"^namespace [\w.]+;", RegexOptions.Multiline)]
    private static partial Regex NamespaceLine();
}
