# What Tab offers.

BeforeAll {
    Import-Module "$PSScriptRoot/../Pannus.psd1"
    . "$PSScriptRoot/Support.ps1"
    $target = Start-Target
}

AfterAll { Stop-Target }

Describe 'Completion' {
    It 'offers names of processes' {
        (Get-Completion 'Get-PatchTarget tar').CompletionText | Should -Contain 'target'
    }

    It 'offers ids, for a name too' {
        $offer = Get-Completion 'Invoke-LivePatch -Target tar' | Where-Object CompletionText -EQ "$($target.Id)"
        $offer.ToolTip | Should -BeLike 'target*'
        (Get-Completion "Get-PatchTarget -Id $($target.Id)").CompletionText | Should -Contain "$($target.Id)"
    }

    It 'offers symbols of the target' {
        (Get-Completion "Resolve-PatchSymbol -Target $($target.Id) -Name func_").CompletionText | Should -Contain 'func_J'
        (Get-Completion "Test-PatchSafety $($target.Id) func_").CompletionText | Should -Contain 'func_J'
    }

    It 'offers patches that are mounted' {
        $module = Mount-PatchModule $target.Id $patch
        (Get-Completion "Dismount-PatchModule -Target $($target.Id) -Name ").ListItemText | Should -Contain $module.Name
    }

    It 'offers nothing, and does not fail, for a process that is not there' {
        Get-Completion "Resolve-PatchSymbol -Target $noSuchId -Name func_" | Should -BeNullOrEmpty
    }
}
