using Pannus.Core;
using Pannus.Targets;
using Pannus.Tests.Support;

namespace Pannus.Tests.Live;

/// <summary>A target's memory map, as it is looked at in a stop.</summary>
public sealed class LiveMapTests
{
    [Theory]
    [InlineData(Machine.X64)]
    [InlineData(Machine.IA32)]
    public void It_is_the_same_whether_it_is_read_or_asked_for_one_mapping(string machine)
    {
        const string source = """
            #include <stdio.h>
            #include <unistd.h>
            #include <sys/mman.h>
            int main(void)
            {
                mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
                puts("ready");
                fflush(stdout);
                pause();
            }
            """;
        using TargetProgram program = TargetProgram.Start(Gcc.Compile(source, $"{machine} -O1", "mappings"));
        _ = program.WaitFor("ready");
        using TargetProcess target = TargetProcess.Open(program.Id);
        // The kernel's own page is in the listing only.
        MemoryRegion[] regions = [.. target.Map.Regions.Where(r => r.Path != "[vsyscall]")];
        Assert.Contains(regions, r => r.Access == MemoryAccess.None);
        Assert.Contains(regions, r => r.Access == (MemoryAccess.Read | MemoryAccess.Write | MemoryAccess.Execute | MemoryAccess.Shared));

        using LiveMap asked = LiveMap.Open(target), read = LiveMap.Open(target);
        Assert.Equal(target.Map.Regions.Count, read.Regions.Length);
        foreach (LiveMap map in new[] { asked, read })
        {
            Assert.False(map.TryFind(0, out _));
            foreach (MemoryRegion region in regions)
            {
                foreach (ulong address in new[] { region.Start, region.End - 1 })
                {
                    Assert.True(map.TryFind(address, out LiveMap.Region found), $"{region}");
                    Assert.Equal(new LiveMap.Region(region.Start, region.End, region.Access), found);
                }
                if (!regions.Any(r => r.Start == region.End)) Assert.False(map.TryFind(region.End, out _), $"{region}");
            }
        }
    }
}
