# What is applied, seen by anyone.

BeforeAll {
    Import-Module "$PSScriptRoot/../Pannus.psd1"
    . "$PSScriptRoot/Support.ps1"
    $pannus = "$PSScriptRoot/../bin/pannus"
}

Describe 'Get-LivePatch' {
    BeforeEach { $target = Start-Target }
    AfterEach { Stop-Target }

    It 'lists a patch that another session applied' {
        & $pannus $target.Id $patch - $commands
        $found = Get-LivePatch $target.Id
        $found.Id | Should -Be $target.Id
        $found.Name | Should -Be 'target'
        $found.Patch | Should -Be 'patch.so'
        $found.State | Should -Be 'Applied'
        $found.Jumps, $found.Variables, $found.Pointers | Should -Be 1, 1, 2
        $found.LivePatchId | Should -Match '^[0-9a-f]{12}$'
        $found.Sha256 | Should -Match '^[0-9a-f]{64}$'
        $found.BuildId | Should -Be (Get-PatchTarget -Id $target.Id).BuildId
        $found.AppliedAt | Should -BeOfType [datetime]
        $found.By | Should -BeLike "*$([Environment]::UserName), pwsh (*)"
    }

    It 'lists the patched processes of the host, and takes targets from the pipeline' {
        $other = Start-Target
        $null = $target, $other | Invoke-LivePatch $patch '' $commands
        (Get-LivePatch).Id | Should -Contain $target.Id
        (Get-LivePatch).Id | Should -Contain $other.Id
        ($other | Get-LivePatch).Id | Should -Be $other.Id
        (Get-PatchTarget -Id $target.Id | Get-LivePatch).Id | Should -Be $target.Id
        (Get-PatchTarget -Id $target.Id).LivePatches | Should -Be 1
    }

    It 'gives nothing for a process without patches' {
        Get-LivePatch $target.Id | Should -BeNullOrEmpty
    }

    It 'finds patches by id, name and wildcard' {
        $id = (Invoke-LivePatch $target.Id $patch '' $commands).LivePatchId
        (Get-LivePatch $target.Id $id).Patch | Should -Be 'patch.so'
        (Get-LivePatch $target.Id -LivePatchId patch.so).LivePatchId | Should -Be $id
        (Get-LivePatch $target.Id pat*).LivePatchId | Should -Be $id
        Get-LivePatch $target.Id no-such* | Should -BeNullOrEmpty
        (Get-Refusal { Get-LivePatch $target.Id no-such }).FullyQualifiedErrorId | Should -BeLike 'LivePatchNotFound,*'
        (Get-Completion "Get-LivePatch $($target.Id) -LivePatchId pat").CompletionText | Should -Be $id
    }

    It 'proves with -Verify that memory holds what was written, or shows what it holds instead' {
        $null = Invoke-LivePatch $target.Id $patch '' $commands
        (Get-LivePatch $target.Id -Verify).IsVerified | Should -BeTrue
        Resolve-PatchSymbol $target.Id str_V | Write-PatchVariable -Value '58'
        $found = Get-LivePatch $target.Id -Verify
        $found.IsVerified | Should -BeFalse
        $found.Message | Should -BeLike '*str_V holds 5874725f*7374725f*'
    }

    It 'survives serialization as a flat object' {
        $null = Invoke-LivePatch $target.Id $patch '' $commands
        $serializer = [Management.Automation.PSSerializer]
        $copy = $serializer::Deserialize($serializer::Serialize((Get-LivePatch $target.Id)))
        $copy.State | Should -Be 'Applied'
        ($copy | Undo-LivePatch).Id | Should -Be $target.Id
    }

    It 'gives an error for a process that is not there' {
        (Get-Refusal { Get-LivePatch $noSuchId }).FullyQualifiedErrorId | Should -BeLike 'TargetNotFound,*'
    }
}
