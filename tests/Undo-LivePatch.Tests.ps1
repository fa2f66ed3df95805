# Taking patches back.

BeforeAll {
    Import-Module "$PSScriptRoot/../Pannus.psd1"
    . "$PSScriptRoot/Support.ps1"
    $pannus = "$PSScriptRoot/../bin/pannus"
    $jump = "$TestDrive/jump.cmd"
    [IO.File]::WriteAllText($jump, "name only the jump`nJ func_J func_J_plug")
    $value = "$TestDrive/value.cmd"
    [IO.File]::WriteAllText($value, "requires only the jump`nV str_V 58")
}

Describe 'Undo-LivePatch' {
    BeforeEach { $target = Start-Target }
    AfterEach { Stop-Target }

    It 'takes a patch back as <how>' -ForEach @(
        @{ how = 'target and id'; undo = { Undo-LivePatch $target.Id $applied.LivePatchId } }
        @{ how = 'target and name'; undo = { Undo-LivePatch $target.Id -LivePatchId patch.so } }
        @{ how = 'target and wildcard'; undo = { $target | Undo-LivePatch pat* } }
        @{ how = 'what Get-LivePatch gives'; undo = { Get-LivePatch $target.Id | Undo-LivePatch } }
        @{ how = 'what Invoke-LivePatch gave'; undo = { $applied | Undo-LivePatch } }
        @{ how = 'all of a target'; undo = { Get-PatchTarget -Id $target.Id | Undo-LivePatch -All } }
    ) {
        $applied = Invoke-LivePatch $target.Id $patch '' $commands
        Get-Output $target | Should -Be $patched
        $result = & $undo
        $result.Status | Should -BeIn 'Undone', 'Retained'
        $result.Writes | Should -Be 4
        $result.Id | Should -Be $target.Id
        $result.LivePatchId | Should -Be $applied.LivePatchId
        Get-Output $target | Should -Be $unpatched
        Get-LivePatch $target.Id | Where-Object State -NE Retained | Should -BeNullOrEmpty
    }

    It 'leaves nothing of a patch behind that nothing can come back to' {
        $null = Invoke-LivePatch $target.Id $patch '' $jump
        (Undo-LivePatch $target.Id -All).Status | Should -Be 'Undone'
        [IO.File]::ReadAllText("/proc/$($target.Id)/maps") | Should -Not -BeLike '*memfd:pannus*'
    }

    It 'takes back in another session what one that was killed has applied' {
        $script = "`$null = Invoke-LivePatch $($target.Id) '$patch' - '$jump'; `$Host.UI.WriteLine('applied'); Read-Host"
        $start = [Diagnostics.ProcessStartInfo]::new($pannus)
        foreach ($argument in '-Command', $script) { $start.ArgumentList.Add($argument) }
        $start.RedirectStandardOutput = $start.RedirectStandardInput = $true
        $first = [Diagnostics.Process]::Start($start)
        $first.StandardOutput.ReadLine() | Should -Be 'applied'
        $first.Kill()
        $first.WaitForExit()
        (Get-LivePatch $target.Id).By | Should -BeLike "*($($first.Id))"
        & $pannus -Command "`$null = Undo-LivePatch $($target.Id) -All"
        $LASTEXITCODE | Should -Be 0
        Get-Output $target | Should -Be $unpatched
    }

    It 'changes nothing with -WhatIf, and shows both values of what would be lost' {
        $null = Invoke-LivePatch $target.Id $patch '' $commands
        (Undo-LivePatch $target.Id -All -WhatIf).Status | Should -Be 'Planned'
        Resolve-PatchSymbol $target.Id str_V | Write-PatchVariable -Value '58'
        (Get-Refusal { Undo-LivePatch $target.Id -All -WhatIf }).Exception.Message | Should -BeLike '*str_V holds 5874*and not 7374*'
        (Undo-LivePatch $target.Id -All -Force -WhatIf).Message | Should -BeLike '*Lost would be*5874*7374*'
        (Get-LivePatch $target.Id).State | Should -Be 'Applied'
        (Get-Refusal { Undo-LivePatch $target.Id -All }).FullyQualifiedErrorId | Should -BeLike 'ValueChanged,*'
        $null = Undo-LivePatch $target.Id -All -Force
        Get-Output $target | Should -Be $unpatched
    }

    It 'refuses to take back what another patch requires, but all of them, or that one by force' {
        (Get-Refusal { Invoke-LivePatch $target.Id $patch '' $value }).FullyQualifiedErrorId | Should -BeLike 'LivePatchRequired,*'
        $null = Invoke-LivePatch $target.Id $patch '' $jump
        $null = Invoke-LivePatch $target.Id $patch '' $value
        (Get-Refusal { Undo-LivePatch $target.Id 'only the jump' }).FullyQualifiedErrorId | Should -BeLike 'LivePatchRequired,*'
        Undo-LivePatch $target.Id -All | Should -HaveCount 2
        $null = Invoke-LivePatch $target.Id $patch '' $jump
        $null = Invoke-LivePatch $target.Id $patch '' $value
        (Undo-LivePatch $target.Id 'only the jump' -Force).Patch | Should -Be 'only the jump'
    }

    It 'wants to know which, and says what there is not' {
        (Get-Refusal { Undo-LivePatch $target.Id }).Exception.Message | Should -BeLike '*-All*'
        (Get-Refusal { Undo-LivePatch $target.Id no-such }).FullyQualifiedErrorId | Should -BeLike 'LivePatchNotFound,*'
        Undo-LivePatch $target.Id no-such* | Should -BeNullOrEmpty
        Undo-LivePatch $target.Id -All | Should -BeNullOrEmpty
    }

    It 'replaces one patch by another in one step' {
        $file = "$TestDrive/replace.cmd"
        [IO.File]::WriteAllText($file, "replaces only the jump`nP str_P str_P_plug")
        $null = Invoke-LivePatch $target.Id $patch '' $jump
        $null = Invoke-LivePatch $target.Id $patch '' $file
        @(Get-LivePatch $target.Id | Where-Object State -EQ Applied).Pointers | Should -Be 1
        Get-Output $target | Should -Be 'func_J of target.', 'func_L of target.', 'str_P of plug.', 'str_V of target.'
    }
}
