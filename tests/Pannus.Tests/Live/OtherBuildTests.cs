using Pannus.Core;
using Pannus.Images;
using Pannus.LivePatches;
using Pannus.Symbols;
using Pannus.Targets;
using Pannus.Tests.Support;

namespace Pannus.Tests.Live;

/// <summary>The names of a stripped program come from its own build, also where no build id says so.</summary>
public sealed class OtherBuildTests
{
    private const string Strip = "objcopy", Options = "-O1 -fno-toplevel-reorder -Wl,--build-id=none";

    // Another build has something more in the middle, or two functions the other way round.
    private static string Source(string more = "", bool isTurned = false)
    {
        string first = "static PATCHABLE int first(int x) { OPAQUE(x); return x * 3 + 1; }";
        string second = "static PATCHABLE int second(int x) { OPAQUE(x); x ^= 0x55; OPAQUE(x); return x * 7 - 2; }";
        return "#include \"target.h\"\n" + (isTurned ? second + "\n" + first : first + "\n" + more + "\n" + second) + """

            static PATCHABLE int third(int x) { OPAQUE(x); return first(x) + second(x); }
            int main(void)
            {
                target_ready();
                while (next_command()) printf("value %d %d %d\n", first(1), second(1), third(1));
            }
            """;
    }

    private const string More = "static PATCHABLE int extra(int x) { OPAQUE(x); return x / 3; } int (*use)(int) = extra;";

    private static string Build(string source, string more = "") => Gcc.Compile(source,
        $"{Options} {more} -I{Path.Combine(Built.Repository, "tests/targets")} -Wl,-Map=map", "build");

    private static string Stripped(string program) => Made(program, "stripped", "--strip-all");

    // What a distribution ships: no code in it.
    private static string DebugOnly(string program) => Made(program, "debug", "--only-keep-debug");

    private static string Made(string program, string suffix, string option)
    {
        string made = $"{program}.{suffix}";
        if (!File.Exists(made))
        {
            Built.Run(Strip, option, program, made + Environment.ProcessId);
            File.Move(made + Environment.ProcessId, made, overwrite: true);
        }
        return made;
    }

    private static string Map(string program) => Path.Combine(Path.GetDirectoryName(program)!, "map");

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Those_of_the_same_build_are_taken(bool hasCode)
    {
        string own = Build(Source());
        using TargetProgram program = Start(own);
        string symbols = hasCode ? own : DebugOnly(own);
        Apply(program, new ResolverOptions { SymbolFile = symbols }, "J second new_second");
        program.Say("value");
        Assert.Equal("value 4 1001 1005", program.NextLine());
    }

    [Theory]
    [InlineData("code")]
    [InlineData("debug")]
    [InlineData("map")]
    [InlineData("code turned")]
    [InlineData("debug turned")]
    public void Those_of_another_build_are_refused(string kind)
    {
        string own = Build(Source()), other = Build(kind.EndsWith("turned", StringComparison.Ordinal) ? Source(isTurned: true) : Source(More));
        using TargetProgram program = Start(own);
        ResolverOptions symbols = kind.Split(' ')[0] switch
        {
            "map" => new ResolverOptions { MapFile = Map(other) },
            "debug" => new ResolverOptions { SymbolFile = DebugOnly(other) },
            _ => new ResolverOptions { SymbolFile = other },
        };
        PatchException error = Patching.Refused(program, () => Apply(program, symbols, kind == "map" ? "J main new_second" : "J second new_second"));
        Assert.Equal(PatchErrorId.BuildIdMismatch, error.Id);
        Assert.Contains("of another build than", error.Message);
    }

    [Fact]
    public void A_build_id_on_one_side_only_proves_nothing()
    {
        string own = Build(Source()), other = Build(Source(More), "-Wl,--build-id=sha1");
        using TargetProgram program = Start(own);
        Assert.Equal(PatchErrorId.BuildIdMismatch, Patching.Refused(program,
            () => Apply(program, new ResolverOptions { SymbolFile = DebugOnly(other) }, "J second new_second")).Id);
    }

    private static void Apply(TargetProgram program, ResolverOptions symbols, string commands)
    {
        string patch = Gcc.Compile("int new_second(int x) { return x + 1000; }", "-O2 -shared -fPIC", "second.so");
        using TargetProcess target = TargetProcess.Open(program.Id);
        using PatchFile file = PatchFile.Open(patch);
        _ = LivePatch.Apply(target, Patching.Request(file, commands) with { Symbols = symbols });
    }

    private static TargetProgram Start(string program)
    {
        TargetProgram started = TargetProgram.Start(Stripped(program));
        _ = started.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal));
        return started;
    }
}
