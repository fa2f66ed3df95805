# Mapping patches into a target, and out of it.

BeforeAll {
    Import-Module "$PSScriptRoot/../Pannus.psd1"
    . "$PSScriptRoot/Support.ps1"

    function Get-Mapping($Target) {
        [IO.File]::ReadAllLines("/proc/$($Target.Id)/maps") | Where-Object { $_ -match 'memfd:pannus' }
    }
}

AfterAll { Stop-Target }

Describe 'Mount-PatchModule' {
    BeforeEach { $target = Start-Target }

    It 'maps a patch and changes nothing that the target does' {
        $module = Get-PatchTarget -Id $target.Id | Mount-PatchModule -Path $patch
        $module.Id | Should -Be $target.Id
        $module.Path | Should -Be $patch
        $module.Size | Should -BeGreaterThan 10000
        $module.LoadPause | Should -BeOfType [TimeSpan]
        Get-Mapping $target | Should -Not -BeNullOrEmpty
        (Get-PatchTarget -Id $target.Id).LivePatches | Should -Be 0
        Get-LivePatch $target.Id | Should -BeNullOrEmpty
        Get-Output $target | Should -Be $unpatched
    }

    It 'maps nothing with -WhatIf' {
        Mount-PatchModule $target.Id $patch -WhatIf | Should -BeNullOrEmpty
        Get-Mapping $target | Should -BeNullOrEmpty
    }

    It 'refuses a patch file that <why>' -ForEach @(
        @{ why = 'is not there'; text = $null; id = 'PatchFileNotFound' }
        @{ why = 'is no ELF file'; text = 'text'; id = 'PatchFileInvalid' }
    ) {
        $path = "$TestDrive/$([guid]::NewGuid()).so"
        if ($text) { [IO.File]::WriteAllText($path, $text) }
        (Get-Refusal { Mount-PatchModule $target.Id $path }).FullyQualifiedErrorId | Should -BeLike "$id,*"
        Get-Mapping $target | Should -BeNullOrEmpty
    }

    It 'refuses a patch file that is cut short' {
        $path = "$TestDrive/$([guid]::NewGuid()).so"
        $bytes = [IO.File]::ReadAllBytes($patch)
        [IO.File]::WriteAllBytes($path, $bytes[0..($bytes.Length / 2)])
        (Get-Refusal { Mount-PatchModule $target.Id $path }).FullyQualifiedErrorId | Should -BeLike 'PatchFileInvalid,*'
    }
}

Describe 'Dismount-PatchModule' {
    BeforeEach {
        $target = Start-Target
        $module = Mount-PatchModule $target.Id $patch
    }

    It 'unmaps a patch that comes through the pipeline' {
        $module | Dismount-PatchModule
        Get-Mapping $target | Should -BeNullOrEmpty
        Get-Output $target | Should -Be $unpatched
    }

    It 'unmaps a patch by target and name' {
        Dismount-PatchModule $target.Id $module.Name
        Get-Mapping $target | Should -BeNullOrEmpty
    }

    It 'unmaps nothing with -WhatIf' {
        $module | Dismount-PatchModule -WhatIf
        Get-Mapping $target | Should -Not -BeNullOrEmpty
    }

    It 'refuses a name that is not mounted' {
        Get-Refusal { Dismount-PatchModule $target.Id no-such-patch } | Should -Not -BeNullOrEmpty
        Get-Mapping $target | Should -Not -BeNullOrEmpty
    }

    It 'refuses a patch that is applied, and says how to undo it' {
        $id = (Invoke-LivePatch $target.Id $patch '' $commands).LivePatchId
        $applied = @(Get-Mapping $target).Count
        $name = "pannus:patch.so#$id"
        foreach ($force in $false, $true) {
            $refusal = Get-Refusal { $target | Dismount-PatchModule -Name $name -Force:$force }
            $refusal.FullyQualifiedErrorId | Should -BeLike 'FunctionActive,*'
            $refusal.Exception.Message | Should -BeLike '*Undo-LivePatch*'
        }
        @(Get-Mapping $target) | Should -HaveCount $applied
        Get-Output $target | Should -Be $patched
    }
}
