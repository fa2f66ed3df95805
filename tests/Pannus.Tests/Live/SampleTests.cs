using System.Globalization;
using Pannus.Core;
using Pannus.Images;
using Pannus.LivePatches;
using Pannus.Targets;
using Pannus.Tests.Support;

namespace Pannus.Tests.Live;

/// <summary>The sample of 2004 in every form that a compiler gives it.</summary>
public sealed class SampleTests
{
    private static readonly string[] s_before =
        ["func_J of target.", "str_V of target.", "str_P of target.", "func_L of target."];
    private static readonly string[] s_after =
        ["func_J of plug.", "str_V of plug.", "str_P of plug.", "func_L of plug. It sees: str_V of plug. func_J of plug."];

    private static string Commands => File.ReadAllText(Path.Combine(Built.Repository, "src/sample/pannus.cmd"));

    public static TheoryData<string, string, string> Forms()
    {
        var forms = new TheoryData<string, string, string>();
        foreach (string compiler in (string[])["gcc", "clang"])
            foreach (string optimisation in (string[])["-O0", "-O1", "-O2", "-O3"]) forms.Add(compiler, optimisation, "");
        forms.Add("gcc", "-O2 -fno-pie", "-no-pie");
        forms.Add("gcc", "-O2 -fcf-protection=full", "");
        forms.Add("gcc", "-O2", "-Wl,-z,lazy -Wl,-z,norelro");
        forms.Add("gcc", "-O2", "-Wl,-z,noseparate-code -Wl,-z,now");
        forms.Add("clang", "-O2 -fno-pie", "-no-pie");
        // IA-32, as in 2004: under the same 64-bit patcher.
        foreach (string compiler in (string[])["gcc", "clang"])
            foreach (string optimisation in (string[])["-O0", "-O1", "-O2", "-O3"]) forms.Add(compiler, optimisation + " -m32", "");
        forms.Add("gcc", "-O2 -m32 -fno-pie", "-no-pie");
        forms.Add("gcc", "-O2 -m32 -march=i686 -fcf-protection=full", "");
        forms.Add("gcc", "-O2 -m32", "-Wl,-z,lazy -Wl,-z,norelro");
        forms.Add("gcc", "-O2 -m32", "-Wl,-z,noseparate-code -Wl,-z,now");
        forms.Add("clang", "-O2 -m32 -fno-pie", "-no-pie");
        return forms;
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void Changes_behaviour_and_keeps_its_process(string compiler, string optimisation, string link)
    {
        string[] variables = ["CC=" + compiler, "CFLAGS=" + optimisation, "LDFLAGS=" + link];
        Check(Built.Sample("target", variables), Built.Sample("patch.so", variables), mapFile: null);
    }

    [Theory]
    [InlineData("-O2", "")]
    [InlineData("-O2", "-no-pie")]
    [InlineData("-O2 -m32", "")]
    [InlineData("-O2 -m32 -fno-pie", "-no-pie")]
    public void Takes_addresses_from_a_map_file(string flags, string link)
    {
        string target = Built.Sample("target", "CFLAGS=" + flags, "LDFLAGS=" + link);
        Check(target, Built.Sample("patch.so", "CFLAGS=" + flags, "LDFLAGS=" + link), target + ".map");
    }

    [Theory]
    [InlineData("-O2")]
    [InlineData("-O2 -m32")]
    public void Needs_the_map_file_of_a_stripped_program(string flags)
    {
        string target = Built.Sample("target", "CFLAGS=" + flags), patch = Built.Sample("patch.so", "CFLAGS=" + flags), stripped = target + "-stripped";
        Built.Run("strip", "-o", stripped, target);
        using (TargetProgram program = Start(stripped))
        {
            PatchException error = Patching.Refused(program, () => Patching.Apply(program, patch, Commands));
            Assert.Equal(PatchErrorId.SymbolNotFound, error.Id);
            Assert.Contains("-MapFile", error.Message);
        }
        Check(stripped, patch, target + ".map");
    }

    [Theory]
    [InlineData("-O2 -fPIC")]
    [InlineData("-O0 -fPIC")]
    [InlineData("-O2 -fno-pic -mcmodel=large")]
    [InlineData("-O2 -fno-plt -fPIC")]
    [InlineData("-m32 -O2 -fPIC")]
    [InlineData("-m32 -O0 -fPIC")]
    [InlineData("-m32 -O2 -fno-pic")]
    [InlineData("-m32 -O2 -fno-plt -fno-pic")]
    [InlineData("-m32 -O2 -fno-plt -fPIC")]
    public void Takes_an_object_as_a_patch(string flags)
    {
        string target = flags.Contains("-m32") ? Built.Sample("target", "CFLAGS=-m32") : Built.Sample("target");
        string output = Path.Combine(Path.GetDirectoryName(target)!, $"patch{flags.GetHashCode():x}.o");
        Built.Run("gcc", [.. flags.Split(' '), "-c", "-o", output, Path.Combine(Built.Repository, "src/sample/patch.c")]);
        Check(target, output, mapFile: null);
    }

    [Fact]
    public void Takes_the_commands_from_inside_the_patch()
    {
        using PatchFile patch = PatchFile.Open(Built.Sample("patch-inside.so"));
        PatchCommandSet commands = CommandFile.ReadEmbedded(patch.Image)!;
        using TargetProgram program = Start(Built.Sample("target"));
        using TargetProcess target = TargetProcess.Open(program.Id);
        LivePatchResult result = LivePatch.Apply(target, new LivePatchRequest { Patch = patch, Commands = commands });
        Assert.Equal("sample", result.Patch);
        Assert.Equal(s_after, After(program));
    }

    [Fact]
    public void Patches_a_program_whose_file_was_deleted_and_replaced()
    {
        string target = Built.Sample("target") + "-upgraded";
        File.Copy(Built.Sample("target"), target, overwrite: true);
        using TargetProgram program = Start(target);
        File.Delete(target);
        File.Copy("/bin/true", target);
        Assert.Equal(LivePatchStatus.Applied, Patching.Apply(program, Built.Sample("patch.so"), Commands).Status);
        Assert.Equal(s_after, After(program));
    }

    [Fact]
    public void Leaves_a_patch_alone_that_is_in_force()
    {
        using TargetProgram program = Start(Built.Sample("target"));
        _ = Patching.Apply(program, Built.Sample("patch.so"), Commands);
        string before = program.Fingerprint();
        LivePatchResult again = Patching.Apply(program, Built.Sample("patch.so"), Commands);
        Assert.Equal(LivePatchStatus.AlreadyApplied, again.Status);
        Assert.Equal(0, again.Attempts);
        Assert.Equal(before, program.Fingerprint());
    }

    // Once it prints, the dynamic linker has done its work.
    private static TargetProgram Start(string path)
    {
        TargetProgram program = TargetProgram.Start(path, "20");
        Assert.Equal(s_before, Enumerable.Range(0, 4).Select(_ => program.NextLine()));
        return program;
    }

    private static string[] After(TargetProgram program) =>
        [program.WaitFor("func_J of plug."), program.NextLine(), program.NextLine(), program.NextLine()];

    private static void Check(string path, string patch, string? mapFile)
    {
        using TargetProgram program = Start(path);
        LivePatchResult result = Patching.Apply(program, patch, Commands, mapFile);
        Assert.Equal((LivePatchStatus.Applied, 1, 1, 2), (result.Status, result.Jumps, result.Variables, result.Pointers));
        Assert.True(result.Attempts >= 1 && result.Pause > TimeSpan.Zero && result.LoadPause > TimeSpan.Zero);
        Assert.Equal(s_after, After(program));
        Assert.False(program.HasExited, program.Id.ToString(CultureInfo.InvariantCulture));
        string maps = File.ReadAllText($"/proc/{program.Id}/maps");
        Assert.DoesNotContain("rwxp", maps);
    }
}
