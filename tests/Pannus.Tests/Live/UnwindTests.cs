using Pannus.Images;
using Pannus.LivePatches;
using Pannus.Targets;
using Pannus.Tests.Support;

namespace Pannus.Tests.Live;

/// <summary>The target's own unwinder comes through a patch: exceptions, cancellation, the end of a thread, backtraces.</summary>
public class UnwindTests
{
    // What the target answers before a patch and after it is undone, and with the patch.
    private static readonly (string Say, string Old, string New)[] s_cases =
    [
        ("value", "value 1", "value 2"),
        ("throw", "caught 42 cleaned 1", "caught 42 cleaned 10"),
        ("by", "caught 7 cleaned 1", "caught 8 cleaned 10"),
        ("in", "value 13", "value 112"),
        ("again", "value 14", "caught 42 cleaned 30"),
        ("nested", "value 15", "caught 143 cleaned 50"),
        ("trace", "main 1", "main 1"),
        ("signal", "main 1", "main 1"),
        ("jump", "jumped", "jumped"),
        ("cancel", "ended 1 cleaned 2", "ended 1 cleaned 11"),
        ("exit", "ended 1 cleaned 2", "ended 1 cleaned 11"),
    ];

    public static TheoryData<string> Builds => new()
    {
        "CFLAGS=-O2", "CC=clang CXX=clang++ CFLAGS=-O2", "CFLAGS=-O2 PATCH_CXX=clang++", "CFLAGS=-O2 -fno-pie|LDFLAGS=-no-pie",
        "CFLAGS=-O2|LDFLAGS=-static", "CFLAGS=-O2 -fPIE|LDFLAGS=-static-pie",
        "CFLAGS=-O2 -m32|PATCH_CFLAGS=-O2 -m32", "CFLAGS=-O2 -m32 -fno-pie|LDFLAGS=-no-pie|PATCH_CFLAGS=-O2 -m32",
    };

    [Theory]
    [MemberData(nameof(Builds))]
    public void Exceptions_cancellation_and_backtraces_come_through_a_patch(string build)
    {
        string[] variables = Variables(build);
        string program = Built.Target("cpp", variables), patch = Built.Target("patches/cpp.so", variables);
        using TargetProgram target = TargetProgram.Start(program);
        target.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal));
        Answers(target, isPatched: false);

        LivePatchResult applied = Patching.Apply(target, patch, File.ReadAllText(Path.ChangeExtension(patch, ".cmd")));
        Assert.Equal(LivePatchStatus.Applied, applied.Status);
        Answers(target, isPatched: true);
        Answers(target, isPatched: true);
        Assert.Single(Patching.Get(target));

        // Freed exceptions and the stacks of threads that have ended may still hold addresses in it, so that it may have to stay mapped.
        UndoResult undone = Patching.UndoNewest(target.Id);
        Assert.True(undone.Status is UndoStatus.Undone or UndoStatus.Retained, undone.Message);
        Answers(target, isPatched: false);
    }

    [Theory]
    [MemberData(nameof(Builds))]
    public void What_tells_the_unwinder_leaves_with_the_last_patch(string build)
    {
        string[] variables = Variables(build);
        string patch = Built.Target("patches/cpp.so", variables), commands = File.ReadAllText(Path.ChangeExtension(patch, ".cmd"));
        using TargetProgram target = TargetProgram.Start(Built.Target("cpp", variables));
        target.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal));
        Answer(target, 0, isPatched: false);
        string fresh = target.SettledFingerprint();

        Patching.Apply(target, patch, commands);
        Answer(target, 0, isPatched: true);
        Assert.NotEqual("", Runtime(target));
        Patching.Apply(target, patch, "J callback guarded_plug");
        Assert.Equal(UndoStatus.Undone, Patching.UndoNewest(target.Id).Status);
        Assert.NotEqual("", Runtime(target));
        Assert.Equal(UndoStatus.Undone, Patching.UndoNewest(target.Id).Status);
        Assert.Equal(fresh, target.SettledFingerprint());
    }

    [Fact]
    public void Without_it_an_exception_ends_the_target()
    {
        string patch = Built.Target("patches/cpp.so");
        using TargetProgram program = TargetProgram.Start(Built.Target("cpp"));
        program.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal));
        using TargetProcess target = TargetProcess.Open(program.Id);
        using PatchFile file = PatchFile.Open(patch);
        LivePatchRequest request = Patching.Request(file, File.ReadAllText(Path.ChangeExtension(patch, ".cmd"))) with { Unwind = UnwindOption.Never };
        Assert.Equal(LivePatchStatus.Applied, LivePatch.Apply(target, request).Status);
        Assert.Equal("", Runtime(program));
        program.Say("throw");
        Assert.Null(program.TryNextLine());
    }

    [Fact]
    public void A_program_that_never_unwinds_gets_no_more_than_its_patch()
    {
        using TargetProgram target = TargetProgram.Start(Built.Target("zlib"));
        string patch = Built.Target("patches/zlib.so");
        Patching.Apply(target, patch, File.ReadAllText(Path.ChangeExtension(patch, ".cmd")));
        Assert.Equal("", Runtime(target));
    }

    [Fact]
    public void What_is_shipped_is_what_its_source_says()
    {
        string source = Path.Combine(Built.Repository, "src/Pannus/Images/Runtime");
        foreach ((string option, string shipped) in ((string, string)[])[("-m64", "unwind-x64.o"), ("-m32", "unwind-ia32.o")])
        {
            string made = Path.Combine(Path.GetTempPath(), $"pannus-{Environment.ProcessId}-{shipped}");
            try
            {
                Built.Run("gcc", option, "-c", "-o", made, Path.Combine(source, "unwind.S"));
                Assert.Equal(Built.Run("objdump", "-drsj", ".text", "-j", ".eh_frame", Path.Combine(source, shipped)).Split('\n')[3..],
                    Built.Run("objdump", "-drsj", ".text", "-j", ".eh_frame", made).Split('\n')[3..]);
            }
            finally
            {
                File.Delete(made);
            }
        }
    }

    private static string Runtime(TargetProgram target) =>
        string.Concat(File.ReadLines($"/proc/{target.Id}/maps").Where(l => l.Contains("pannus:" + UnwindRuntime.Name)));

    private static string[] Variables(string build) => build.Contains('|') || !build.Contains("CXX") ? build.Split('|') : Split(build);

    private static string[] Split(string build) => [.. build.Split(' ').Aggregate(new List<string>(), (all, word) =>
    {
        if (word.Contains('=')) all.Add(word);
        else all[^1] += " " + word;
        return all;
    })];

    private static void Answers(TargetProgram target, bool isPatched)
    {
        for (int i = 0; i < s_cases.Length; i++) Answer(target, i, isPatched);
    }

    private static void Answer(TargetProgram target, int index, bool isPatched)
    {
        (string say, string old, string patched) = s_cases[index];
        target.Say(say);
        Assert.Equal(isPatched ? patched : old, target.NextLine());
    }
}
