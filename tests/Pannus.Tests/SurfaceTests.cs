using Pannus.Core;
using Pannus.Tests.Support;

namespace Pannus.Tests;

/// <summary>
/// What of the engine others can name: what cmdlets and scripts use. A change of it is meant, and is made in Surface.txt as
/// well, which the failing test shows.
/// </summary>
public sealed class SurfaceTests
{
    [Fact]
    public void The_public_types_are_those_that_were_decided_on()
    {
        string known = Path.Combine(Built.Repository, "tests/Pannus.Tests/Surface.txt");
        string[] now = [.. typeof(PatchException).Assembly.GetExportedTypes().Select(t => t.FullName!).Order(StringComparer.Ordinal)];
        Assert.Equal(File.ReadAllLines(known), now);
    }
}
