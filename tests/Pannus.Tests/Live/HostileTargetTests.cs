using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Text;
using Pannus.Applying;
using Pannus.Core;
using Pannus.Fleet;
using Pannus.LivePatches;
using Pannus.Symbols;
using Pannus.Targets;
using Pannus.Tests.Support;

namespace Pannus.Tests.Live;

/// <summary>What a target calls itself and its files, and what it does with them, does no harm to who looks at it.</summary>
public sealed class HostileTargetTests : IDisposable
{
    private const string Escape = "\u001b[31m\u0007", Turned = "\u202etxt.so";

    private readonly string _directory = Directory.CreateTempSubdirectory("pannus-hostile").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void No_name_of_it_gives_orders_to_a_terminal_or_hides_what_it_is()
    {
        string library = Gcc.Compile("""
            __asm__(".file \"a\033[2Jb.c\"\n.text\n.globl \"ev\033[31mil\"\n.type \"ev\033[31mil\", @function\n\"ev\033[31mil\": ret\n"
                ".type \"lo\342\200\256cal\", @function\n\"lo\342\200\256cal\": ret\n.type \"inva\377lid\", @function\n\"inva\377lid\": ret\n");
            """, $"-shared -fPIC -Wl,-soname,so{Escape.Replace("\u001b", "\u009b")}{Turned}", "hostile.so");
        string odd = Path.Combine(_directory, $"lib{Escape}{Turned}"), program = Path.Combine(_directory, $"evil{Escape}{Turned}");
        File.Copy(library, odd);
        string built = Gcc.Compile("""
            #define _GNU_SOURCE
            #include <dlfcn.h>
            #include <sys/mman.h>
            #include <sys/prctl.h>
            #include "target.h"
            PATCHABLE int work(int x) { OPAQUE(x); x ^= 5; OPAQUE(x); return x; }
            int main(int c, char **v)
            {
                if (c < 2 || !dlopen(v[1], RTLD_NOW)) return puts(dlerror()), 1;
                prctl(PR_SET_NAME, "\033]0;owned\007");
                int m = memfd_create("pannus:\033[2Jevil\r\342\200\256txt.so#0123456789ab", 0);
                if (ftruncate(m, 8192) || mmap(0, 8192, PROT_READ, MAP_PRIVATE, m, 0) == MAP_FAILED) return 1;
                target_ready();
                while (next_command()) printf("value %d\n", work(1));
            }
            """, $"-O2 -I{Path.Combine(Built.Repository, "tests/targets")}", "hostile");
        File.Copy(built, program);
        using TargetProgram running = TargetProgram.Start(program, odd);
        _ = running.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal));
        using TargetProcess target = TargetProcess.Open(running.Id);
        var resolver = new SymbolResolver(target);
        List<object> seen = [TargetCatalog.Get(running.Id), .. LivePatchCatalog.Get(target), .. PatchLoader.GetMounted(target),
            .. target.Modules, .. resolver.Find("*il*"), .. resolver.Find("*cal*"), .. resolver.Find("*lid*"), target];
        foreach (string name in (string[])["eil", "nosuch.so!work", $"ev{Escape}il", Turned])
            seen.Add(Assert.Throws<PatchException>(() => resolver.Resolve(name)));
        seen.Add(Assert.Throws<PatchException>(() => Patching.Apply(running, built, "J work nothing")));
        Assert.Contains(seen, o => o is ResolvedSymbol { Name: "ev?[31mil" });
        Assert.Contains(seen, o => o is ResolvedSymbol { Name: "lo?cal" });
        Assert.Contains(seen, o => o is ResolvedSymbol { Name: "inva?lid" });
        Assert.Contains(seen, o => o is LivePatchInfo { Patch: "?[2Jevil??txt.so" });
        Assert.All(seen.SelectMany(Texts), text => Assert.True(IsVisible(text), string.Join(' ', text.Select(c => $"{(int)c:x}"))));
    }

    // The kernel escapes no more than the line feed in the names that it lists.
    [Theory]
    [InlineData("\r")]
    [InlineData("\f")]
    [InlineData("\u0085")]
    [InlineData("\u2028")]
    public void A_name_makes_no_mapping_that_is_not_there(string separator)
    {
        string line = $"7f0000000000-7f0000001000 rw-p 00000000 00:01 5 /memfd:x{separator}7f5500000000-7f5500001000 r-xp 00000000 08:01 7 /lib/libc.so.6";
        MemoryRegion region = Assert.Single(MemoryMap.Parse(line + "\n").Regions);
        Assert.Equal(0x7f0000000000ul, region.Start);
    }

    [Fact]
    public void A_library_that_changes_its_size_all_the_time_ends_no_session()
    {
        string source = string.Concat(Enumerable.Range(0, 20_000).Select(i => $"int lib_function_{i}(int x) {{ return x + {i}; }}\n"));
        string library = Path.Combine(_directory, "libbig.so");
        File.Copy(Gcc.Compile(source, "-O1 -shared -fPIC", "libbig.so"), library);
        string program = Gcc.Compile("""
            #include <dlfcn.h>
            #include <fcntl.h>
            #include <stdlib.h>
            #include "target.h"
            int main(int c, char **v)
            {
                if (c < 2 || !dlopen(v[1], RTLD_NOW)) return 1;
                int f = open(v[1], O_RDWR);
                off_t size = lseek(f, 0, SEEK_END);
                char *all = malloc(size);
                if (pread(f, all, size, 0) != size) return 1;
                target_ready();
                for (;;) {
                    if (ftruncate(f, 4096)) return 1;
                    usleep(rand() % 2000);
                    if (pwrite(f, all, size, 0) != size) return 1;
                    usleep(rand() % 2000);
                }
            }
            """, $"-O2 -I{Path.Combine(Built.Repository, "tests/targets")}", "truncating");
        using TargetProgram running = TargetProgram.Start(program, library);
        _ = running.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal));
        for (int i = 0; i < 40; i++)
        {
            try
            {
                using TargetProcess target = TargetProcess.Open(running.Id);
                _ = new SymbolResolver(target).Find("lib_function_1999?").Count();
                _ = new SymbolResolver(target).Resolve("lib_function_19999");
            }
            catch (PatchException e)
            {
                // A refusal that says so; which one depends on when it looked.
                Assert.True(e.Id is PatchErrorId.PatchFileInvalid or PatchErrorId.SymbolNotFound, e.ToString());
            }
        }
        Assert.False(running.HasExited);
    }

    [Fact]
    public void Forged_records_cost_little_however_many_and_large_they_are()
    {
        string program = Gcc.Compile("""
            #define _GNU_SOURCE
            #include <stdlib.h>
            #include <sys/mman.h>
            #include "target.h"
            // The header of a record that is applied, and 16 MiB of which the checksum is wrong; changed all the time when told so.
            int main(int c, char **v)
            {
                enum { SLOT = 16 << 20, SIZE = 64 + 2 * SLOT + 4032 };
                int kept[11];
                for (int i = 0; i < 200; i++) {
                    int m = memfd_create("pannus:forged.so#0123456789ab", 0), slot = SLOT, length = SLOT - 36;
                    if (pwrite(m, "PANNUS\001J\001\0\0\0", 12, 0) != 12 || pwrite(m, &slot, 4, 12) != 4) return 1;
                    unsigned word[2] = { 3, ~3u };
                    if (pwrite(m, word, 8, 16) != 8 || pwrite(m, &length, 4, 64 + 32) != 4 || ftruncate(m, SIZE)) return 1;
                    if (mmap(0, SIZE, PROT_READ, MAP_PRIVATE, m, 0) == MAP_FAILED) return 1;
                    if (i > 10) close(m);
                    else kept[i] = m;
                }
                target_ready();
                for (int n = 0; c < 2 ? next_command() != 0 : 1; n++)
                    if (c > 1) for (int i = 0; i < 11; i++) if (pwrite(kept[i], &n, 4, 4096) != 4) return 1;
            }
            """, $"-O2 -I{Path.Combine(Built.Repository, "tests/targets")}", "forging");
        foreach (string[] arguments in (string[][])[[], ["changing"]])
        {
            using TargetProgram running = TargetProgram.Start(program, arguments);
            _ = running.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal));
            using TargetProcess target = TargetProcess.Open(running.Id);
            var time = Stopwatch.StartNew();
            IReadOnlyList<LivePatchInfo> patches = LivePatchCatalog.Get(target);
            Assert.True(time.Elapsed < TimeSpan.FromSeconds(3), $"{time.Elapsed}");
            Assert.Equal(200, patches.Count(p => p.State == LivePatchState.Damaged));
        }
    }

    private static IEnumerable<string> Texts(object value) => value is PatchException e ? [e.Message]
        : value.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(p => p.PropertyType == typeof(string) && p.GetIndexParameters().Length == 0).Select(p => (string?)p.GetValue(value) ?? "");

    private static bool IsVisible(string text) => text.EnumerateRunes().All(r => r.Value == '\n' || r != Rune.ReplacementChar
        && Rune.GetUnicodeCategory(r) is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.PrivateUse
            or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.Surrogate));
}
