
namespace Pannus.Tests.Pester;

/// <summary>The runner itself: what fails must fail, and scopes and phases are Pester's.</summary>
public sealed class PesterRunnerTests : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("pannus-runner-");

    public void Dispose() => folder.Delete(recursive: true);

    [Theory]
    [InlineData("1 | Should -Be 2")]
    [InlineData("'a' | Should -BeExactly 'A'")]
    [InlineData("1 | Should -Not -Be 1")]
    [InlineData("$true | Should -BeFalse")]
    [InlineData("@(1, 2) | Should -HaveCount 3")]
    [InlineData("@(1, 2) | Should -Be @(1, 3)")]
    [InlineData("1 | Should -BeOfType [string]")]
    [InlineData("'x' | Should -BeNullOrEmpty")]
    [InlineData("{ 1 } | Should -Throw")]
    [InlineData("{ throw 'a' } | Should -Not -Throw")]
    [InlineData("{ throw 'a' } | Should -Throw 'b*'")]
    [InlineData("{ throw 'a' } | Should -Throw -ErrorId 'b'")]
    [InlineData("{ throw 'a' } | Should -Throw -ExceptionType ([ArgumentException])")]
    [InlineData("'/nowhere' | Should -Exist")]
    [InlineData("throw 'a'")]
    [InlineData("Get-Process -NoSuchParameter")]
    public void A_failing_test_fails(string body)
    {
        var result = Assert.Single(Run($"Describe 'd' {{ It 'i' {{ {body} }} }}"));
        Assert.False(result.Passed);
        Assert.Equal("d > i", result.Name);
        Assert.NotEmpty(result.Message);
    }

    [Theory]
    [InlineData("1 | Should -Be 1")]
    [InlineData("'a' | Should -Be 'A'")]
    [InlineData("1, 2 | Should -Be 1, 2")]
    [InlineData("@() | Should -BeNullOrEmpty")]
    [InlineData("$null | Should -BeNullOrEmpty")]
    [InlineData("'' | Should -BeNullOrEmpty")]
    [InlineData("0 | Should -Not -BeNullOrEmpty")]
    [InlineData("$null | Should -Be $null")]
    [InlineData("1, 2 | Should -Contain 2")]
    [InlineData("2 | Should -BeIn 1, 2")]
    [InlineData("1, 2 | Should -BeOfType [int]")]
    [InlineData("'pannus' | Should -Match '^p'; 'pannus' | Should -BeLike 'pan*'; 'A' | Should -Not -MatchExactly 'a'")]
    [InlineData("2 | Should -BeGreaterThan 1; 1 | Should -BeLessOrEqual 1; 1 | Should -BeGreaterOrEqual 1")]
    [InlineData("$TestDrive | Should -Exist; $PSScriptRoot | Should -Exist")]
    [InlineData("$expected = 'x'; { throw $expected } | Should -Throw 'x'")]
    [InlineData("$e = { throw 'abc' } | Should -Throw 'a*' -PassThru; $e.Exception.Message | Should -Be 'abc'")]
    public void A_passing_test_passes(string body)
    {
        var result = Assert.Single(Run($"Describe 'd' {{ It 'i' {{ {body} }} }}"));
        Assert.True(result.Passed, result.Message);
    }

    [Fact]
    public void Cases_become_tests_with_their_data_in_the_name()
    {
        var results = Run("""
            BeforeDiscovery { $cases = @{ a = 1; b = 2 }, @{ a = 3; b = 3 } }
            Describe 'd' {
                It '<a> is <b>' -ForEach $cases { $a | Should -Be $b }
                It 'has <_>' -TestCases 'x', 'y' { $_ | Should -Be 'x' }
                It 'takes <a>' -TestCases @{ a = 5 } { param($a) $a | Should -Be 5 }
            }
            """);
        Assert.Equal(["1 is 2", "3 is 3", "has x", "has y", "takes 5"], results.Select(r => r.Name.Replace("d > ", "")));
        Assert.Equal([false, true, true, false, true], results.Select(r => r.Passed));
    }

    [Fact]
    public void Scopes_and_phases_are_those_of_Pester()
    {
        var results = Run("""
            $atDiscovery = 'lost'
            BeforeAll { $top = 'top'; function Get-Top { $top } }
            Describe 'd' -Tag 'Quick' {
                BeforeAll { $log = [Collections.Generic.List[string]]::new(); $all = 1 }
                BeforeEach { $log.Add('outer'); $each = 'new' }
                AfterEach { $log.Add('after') }
                It 'sees set-up' {
                    Get-Top | Should -Be 'top'
                    $all | Should -Be 1
                    $atDiscovery | Should -BeNullOrEmpty
                    $each = 'changed'
                    $all = 2
                }
                Context 'c' {
                    BeforeEach { $log.Add('inner') }
                    It 'has fresh variables' {
                        $all | Should -Be 1
                        $each | Should -Be 'new'
                        $log | Should -Be @('outer', 'after', 'outer', 'inner')
                    }
                }
            }
            """);
        Assert.All(results, result => Assert.True(result.Passed, result.Message));
        Assert.Equal(["d > sees set-up", "d > c > has fresh variables"], results.Select(result => result.Name));
    }

    [Fact]
    public void A_set_up_or_tear_down_that_throws_fails_the_tests()
    {
        var results = Run("""
            Describe 'before' { BeforeAll { throw 'up' }; It 'a' { }; It 'b' { } }
            Describe 'each' { AfterEach { throw 'down' }; It 'c' { } }
            Describe 'after' { AfterAll { throw 'down' }; It 'd' { } }
            """);
        Assert.Equal(["before > a", "before > b", "each > c", "after"],
            results.Where(result => !result.Passed).Select(result => result.Name));
    }

    [Fact]
    public void A_file_that_fails_while_tests_are_sought_is_a_failure() =>
        Assert.False(Assert.Single(Run("Describe 'd' { throw 'x' }")).Passed);

    private List<PesterResult> Run(string script)
    {
        var path = Path.Join(folder.FullName, "Sample.Tests.ps1");
        File.WriteAllText(path, script);
        return [.. PesterFile.Run(path).Values];
    }
}
