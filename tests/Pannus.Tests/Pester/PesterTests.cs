
namespace Pannus.Tests.Pester;

/// <summary>Every <c>It</c> of <c>tests/*.Tests.ps1</c> is a test here.</summary>
public class PesterTests
{
    private static readonly string Folder = Path.Join(PesterFile.Root, "tests");

    public static TheoryData<string, string> Tests()
    {
        var tests = new TheoryData<string, string>();
        foreach (var file in Directory.EnumerateFiles(Folder, "*.Tests.ps1").Order(StringComparer.Ordinal))
        {
            foreach (var name in PesterFile.Find(file))
                tests.Add(Path.GetFileName(file), name);
        }
        return tests;
    }

    [Theory]
    [MemberData(nameof(Tests))]
    public void It(string file, string name)
    {
        var result = PesterFile.Result(Path.Join(Folder, file), name);
        Assert.True(result.Passed, result.Message);
    }
}
