# The parts of a live patch one by one, as a person types them.

BeforeAll {
    Import-Module "$PSScriptRoot/../Pannus.psd1"
    . "$PSScriptRoot/Support.ps1"

    # The session of the README, with a deadline that no machine is too slow for.
    function Invoke-Session($id) {
        $t = Get-PatchTarget -Id $id
        $m = $t | Mount-PatchModule -Path $patch
        $f = $t | Resolve-PatchSymbol func_J
        $s = $t | Suspend-PatchProcess -Deadline 30
        try { if (($s | Test-PatchSafety -Symbol $f).IsSafe) { $f | Write-PatchJump -Destination ($m | Resolve-PatchSymbol func_J_plug) -Suspension $s } }
        finally { $s | Resume-PatchProcess }
    }
}

Describe 'A session of single cmdlets' {
    BeforeEach { $target = Start-Target }
    AfterEach { Stop-Target }

    It 'makes a jump within a hold' {
        Invoke-Session $target.Id
        $lines = Get-Output $target
        $lines | Should -Contain 'func_J of plug.'
        $lines | Should -Not -Contain 'func_J of target.'
        $lines | Should -Contain 'str_V of target.'
    }
}

Describe 'Write-PatchJump' {
    BeforeEach { $target = Start-Target }
    AfterEach { Stop-Target }

    It 'stops the target itself, and gives the write with -PassThru' {
        $module = Mount-PatchModule $target.Id $patch
        $function = Resolve-PatchSymbol $target.Id func_J
        $write = $function | Write-PatchJump -Destination ($module | Resolve-PatchSymbol func_J_plug) -PassThru
        $write.Kind | Should -Be 'Jump'
        $write.Symbol | Should -Be 'func_J'
        $write.Destination | Should -Be 'func_J_plug'
        $write.NewBytes | Should -Match 'e9'
        Get-Output $target | Should -Contain 'func_J of plug.'
    }

    It 'writes nothing with -WhatIf' {
        $module = Mount-PatchModule $target.Id $patch
        $function = Resolve-PatchSymbol $target.Id func_J
        $function | Write-PatchJump -Destination ($module | Resolve-PatchSymbol func_J_plug) -WhatIf
        Get-Output $target | Should -Be $unpatched
    }

    It 'refuses a destination in another process' {
        $function = Resolve-PatchSymbol $target.Id func_J
        $other = Resolve-PatchSymbol (Start-Target).Id func_J
        (Get-Refusal { $function | Write-PatchJump -Destination $other }).FullyQualifiedErrorId |
            Should -BeLike 'CommandInvalid,*'
    }
}

Describe 'Write-PatchVariable' {
    BeforeEach { $target = Start-Target }
    AfterEach { Stop-Target }

    It 'writes over a variable' {
        Resolve-PatchSymbol $target.Id str_V | Write-PatchVariable -Value '7374725f56206f6620706c75672e00'
        Get-Output $target | Should -Contain 'str_V of plug.'
    }

    It 'refuses data that is longer than the variable, and writes nothing' {
        $refusal = Get-Refusal { Resolve-PatchSymbol $target.Id str_V | Write-PatchVariable -Value ([byte[]]::new(18)) }
        $refusal.FullyQualifiedErrorId | Should -BeLike 'SymbolSizeMismatch,*'
        Get-Output $target | Should -Be $unpatched
    }

    It 'writes nothing with -WhatIf' {
        Resolve-PatchSymbol $target.Id str_V | Write-PatchVariable -Value '00' -WhatIf
        Get-Output $target | Should -Be $unpatched
    }
}

Describe 'Write-PatchPointer' {
    BeforeEach { $target = Start-Target }
    AfterEach { Stop-Target }

    It 'makes a pointer point <where>' -ForEach @(
        @{ where = 'to a symbol of a patch'; convert = { $args[0] } }
        @{ where = 'to an address'; convert = { $args[0].Address } }
        @{ where = 'to an address in text'; convert = { '0x{0:x}' -f $args[0].Address } }
    ) {
        $text = Mount-PatchModule $target.Id $patch | Resolve-PatchSymbol str_P_plug
        Resolve-PatchSymbol $target.Id str_P | Write-PatchPointer -Destination (& $convert $text)
        Get-Output $target | Should -Contain 'str_P of plug.'
    }

    It 'writes nothing with -WhatIf' {
        Resolve-PatchSymbol $target.Id str_P | Write-PatchPointer -Destination 0x1000 -WhatIf
        Get-Output $target | Should -Be $unpatched
    }

    It 'refuses a symbol of a process that has ended' {
        $pointer = Resolve-PatchSymbol $target.Id str_P
        Stop-Target
        (Get-Refusal { $pointer | Write-PatchPointer -Destination 0x1000 }).FullyQualifiedErrorId |
            Should -BeLike 'TargetNotFound,*'
    }
}
