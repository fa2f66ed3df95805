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

    It 'offers ids in the first place: <line>' -ForEach @(
        'Invoke-LivePatch tar', 'pannus tar', 'Test-LivePatch tar', 'Mount-PatchModule tar', 'Undo-LivePatch tar',
        'Resolve-PatchSymbol tar', 'Get-LivePatch tar', 'Dismount-PatchModule tar', 'Suspend-PatchProcess tar' |
            ForEach-Object { @{ line = $_ } }
    ) {
        (Get-Completion $line).CompletionText | Should -Contain "$($target.Id)"
    }

    It 'offers symbols after the target, wherever that comes from: <line>' -ForEach @(
        'Resolve-PatchSymbol ID func_', 'Resolve-PatchSymbol $t func_', '$t | Resolve-PatchSymbol func_',
        '$t | Resolve-PatchSymbol -Name func_', 'Get-PatchTarget -Id ID | Resolve-PatchSymbol func_',
        'Get-PatchTarget -Id ID | Resolve-PatchSymbol -Name func_', 'Test-PatchSafety ID func_' | ForEach-Object { @{ line = $_ } }
    ) {
        $global:t = Get-PatchTarget -Id $target.Id
        (Get-Completion $line.Replace('ID', $target.Id)).CompletionText | Should -Contain 'func_J'
        Remove-Variable t -Scope Global
    }

    It 'offers modules, and symbols of one' {
        (Get-Completion "Resolve-PatchSymbol $($target.Id) x -Module lib").CompletionText | Should -Contain 'libc.so.6'
        (Get-Completion "Resolve-PatchSymbol $($target.Id) libc.so.6!put").CompletionText | Should -Contain 'libc.so.6!puts'
    }

    It 'offers what is applied and what is mounted after the target' {
        $id = (Start-Target).Id
        $applied = (Invoke-LivePatch $id $patch '' $commands).LivePatchId
        $name = (Mount-PatchModule $id $patch).Name
        (Get-Completion "Undo-LivePatch $id ").CompletionText | Should -Be $applied
        (Get-Completion "Dismount-PatchModule $id ").ListItemText | Should -Contain $name
    }

    It 'still offers files where a file is meant: <line>' -ForEach @(
        'Invoke-LivePatch ID FOLDER/pat', 'Invoke-LivePatch -Target ID -Path FOLDER/pat', 'Get-PatchTarget -Id ID | Invoke-LivePatch FOLDER/pat' |
            ForEach-Object { @{ line = $_ } }
    ) {
        (Get-Completion $line.Replace('ID', $target.Id).Replace('FOLDER', $sample)).CompletionText | Should -Contain "$sample/patch.so"
    }

    It 'offers nothing, and does not fail, for a process that is not there' {
        Get-Completion "Resolve-PatchSymbol -Target $noSuchId -Name func_" | Should -BeNullOrEmpty
    }
}
