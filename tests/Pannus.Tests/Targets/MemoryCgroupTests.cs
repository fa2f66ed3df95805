using Pannus.Targets;

namespace Pannus.Tests.Targets;

public sealed class MemoryCgroupTests
{
    [Theory]
    [InlineData("memory.max", "max", "memory.current", "4096", "", null)]
    [InlineData("memory.max", "1048576", "memory.current", "1040384", "", 8192ul)]
    [InlineData("memory.max", "1048576", "memory.current", "1040384", "inactive_file 40960\nanon 4096\nactive_file 8192", 57344ul)]
    [InlineData("memory.max", "4096", "memory.current", "8192", "", 0ul)]
    [InlineData("memory.limit_in_bytes", "65536", "memory.usage_in_bytes", "4096", "inactive_file 4096\ntotal_inactive_file 4096", 65536ul)]
    public void What_can_be_had_back_counts_as_left(string limit, string most, string used, string now, string stat, ulong? left)
    {
        string directory = Directory.CreateTempSubdirectory("pannus-").FullName;
        File.WriteAllText($"{directory}/{limit}", most + "\n");
        File.WriteAllText($"{directory}/{used}", now + "\n");
        if (stat.Length > 0) File.WriteAllText($"{directory}/memory.stat", stat + "\n");
        Assert.Equal(left, MemoryCgroup.RoomOf(directory));
        Directory.Delete(directory, recursive: true);
    }

    [Fact]
    public void A_directory_that_is_no_cgroup_has_no_limit() => Assert.Null(MemoryCgroup.RoomOf("/nowhere"));
}
