using Pannus.Authoring;
using Pannus.Images;
using Pannus.LivePatches;
using Pannus.Targets;
using Pannus.Tests.Support;

namespace Pannus.Tests.Authoring;

/// <summary>Patches are made from two builds of a program, applied to one that runs, and taken back.</summary>
public sealed class AuthoringTests
{
    public static TheoryData<string, string> Cases => AuthoringCase.All();

    [Theory]
    [MemberData(nameof(Cases))]
    public void APatchIsMadeFromTwoBuildsAndIsInForce(string name, string build)
    {
        AuthoringCase c = AuthoringCase.Read(name);
        (string target, string program, ObjectPair[] objects) = c.Compile(build);
        PatchBuildResult result = PatchBuilder.Build(new PatchBuildInput { Objects = objects, TargetPath = target,
            PatchName = name });
        string found = string.Join("\n", result.Findings.Select(f => $"{f.Severity} {f.Kind} {f.Symbol}: {f.Message}"));
        Assert.True(c.Verdict == result.Verdict, $"{result.Verdict}: {result.Reason}\n{found}");
        if (c.Functions is { } functions) Assert.Equal(functions.Order(), result.Functions.Select(f => f.Name).Order());
        if (c.NewFunctions.Length > 0) Assert.Equal(c.NewFunctions, result.NewFunctions.Select(f => f.Name));
        if (c.Finding is [var kind, ..])
            Assert.Contains(result.Findings, f => f.Kind.ToString() == kind
                && (c.Finding.Length < 2 || f.Symbol == c.Finding[1]));
        Assert.Equal(c.Verdict == PatchVerdict.Made, result.Patch is not null);
        if (c.IsApplied) CheckInForce(c, program, result);
    }

    [Fact]
    public void TheSameInputsGiveTheSameBytes()
    {
        (string target, _, ObjectPair[] objects) = AuthoringCase.Read("new-data").Compile("gcc -O2");
        var input = new PatchBuildInput { Objects = objects, TargetPath = target };
        Assert.Equal(PatchBuilder.Build(input).Patch, PatchBuilder.Build(input).Patch);
    }

    [Fact]
    public void ATargetOfAnotherBuildIsRefusedWithTheFunctionsThatDiffer()
    {
        (_, _, ObjectPair[] objects) = AuthoringCase.Read("changed-function").Compile("gcc -O2");
        (string other, _, _) = AuthoringCase.Read("changed-function").Compile("gcc -O1");
        PatchBuildResult result = PatchBuilder.Build(new PatchBuildInput { Objects = objects, TargetPath = other });
        Assert.Equal(PatchVerdict.Refused, result.Verdict);
        PatchFinding finding = Assert.Single(result.Findings, f => f.Severity == PatchFindingSeverity.Refusal);
        Assert.Equal(PatchFindingKind.BaseDiffers, finding.Kind);
        Assert.Contains("answer", finding.Message);
    }

    [Theory]
    [InlineData("same-names")]
    [InlineData("static-locals")]
    [InlineData("library")]
    public void AStrippedTargetTakesItsSymbolsFromAnotherFile(string name)
    {
        AuthoringCase c = AuthoringCase.Read(name);
        (string target, string program, ObjectPair[] objects) = c.Compile("gcc -O2");
        string symbols = target + ".symbols";
        File.Copy(target, symbols, overwrite: true);
        try
        {
            _ = Built.Run("strip", target);
            PatchBuildResult without = PatchBuilder.Build(new PatchBuildInput { Objects = objects, TargetPath =
                target });
            Assert.Equal(PatchVerdict.Refused, without.Verdict);
            PatchBuildResult result = PatchBuilder.Build(new PatchBuildInput { Objects = objects, TargetPath =
                target, SymbolPath = symbols });
            Assert.True(result.Verdict == PatchVerdict.Made, result.Reason);
            CheckInForce(c, program, result);
        }
        finally
        {
            File.Copy(symbols, target, overwrite: true);
        }
    }

    private static void CheckInForce(AuthoringCase c, string path, PatchBuildResult result)
    {
        string patch = path + ".patch.o";
        File.WriteAllBytes(patch, result.Patch!);
        using TargetProgram program = TargetProgram.Start(path);
        Assert.Equal(c.Old, Ask());
        using (TargetProcess target = TargetProcess.Open(program.Id))
        using (PatchFile file = PatchFile.Open(patch))
        {
            LivePatchResult applied = LivePatch.Apply(target,
                new LivePatchRequest { Patch = file, Commands = CommandFile.ReadEmbedded(file.Image)! });
            Assert.Equal(LivePatchStatus.Applied, applied.Status);
        }
        Assert.Equal(c.New, Ask());
        Patching.UndoNewest(program.Id);
        string after = Ask();
        // What the program has counted meanwhile stays.
        if (!c.IsCounting) Assert.Equal(c.Old, after);
        else Assert.NotEqual(c.New, after);
        Assert.False(program.HasExited);

        string Ask()
        {
            program.Say(c.Question);
            return program.NextLine();
        }
    }
}
