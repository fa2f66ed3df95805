using System.Text.RegularExpressions;
using Pannus.Core;
using Pannus.Tests.Support;

namespace Pannus.Tests;

/// <summary>The version is that of the module's manifest.</summary>
public sealed partial class VersionTests
{
    [Theory]
    [InlineData("src/Pannus.PowerShell/Pannus.PowerShell.psd1")]
    public void A_manifest_has_the_modules_version(string manifest) => Assert.Equal(OfManifest("Pannus.psd1"), OfManifest(manifest));

    [Fact]
    public void The_assemblies_have_the_modules_version() =>
        Assert.Equal(OfManifest("Pannus.psd1"), typeof(PatchException).Assembly.GetName().Version!.ToString(3));

    private static string OfManifest(string file) =>
        ModuleVersion().Match(File.ReadAllText(Path.Combine(Built.Repository, file))).Groups[1].Value;

    [GeneratedRegex("ModuleVersion = '([^']+)'")]
    private static partial Regex ModuleVersion();
}
