# Reading and writing bytes.

BeforeAll {
    Import-Module "$PSScriptRoot/../Pannus.psd1"
    . "$PSScriptRoot/Support.ps1"
}

Describe 'Read-PatchMemory' {
    BeforeEach {
        $target = Start-Target
        $variable = Resolve-PatchSymbol $target.Id str_V
    }
    AfterEach { Stop-Target }

    It 'takes an address as PowerShell reads its digits, which may be a negative number' {
        (Get-Refusal { Read-PatchMemory $target.Id 0xfffffff0 4 }).Exception.Message | Should -BeLike '*0xfffffff0*'
        (Get-Refusal { Read-PatchMemory $target.Id 0xfffffffffffffff0 4 }).Exception.Message | Should -BeLike '*0xfffffffffffffff0*'
    }

    It 'reads a variable that comes through the pipeline, as long as it is' {
        $memory = $variable | Read-PatchMemory
        $memory.Id | Should -Be $target.Id
        $memory.Address | Should -Be $variable.Address
        $memory.Ascii | Should -Be 'str_V of target..'
        $memory.Hex | Should -Be '7374725f56206f66207461726765742e00'
        $memory.Bytes | Should -HaveCount 17
    }

    It 'takes an address as <how>' -ForEach @(
        @{ how = 'a number'; convert = { $args[0].Address } }
        @{ how = 'hexadecimal text'; convert = { '0x{0:x}' -f $args[0].Address } }
        @{ how = 'a symbol'; convert = { $args[0] } }
    ) {
        (Read-PatchMemory $target.Id (& $convert $variable) 5).Ascii | Should -Be 'str_V'
    }

    It 'refuses memory that is not there' {
        $refusal = Get-Refusal { Read-PatchMemory $target.Id 0x10 8 }
        $refusal.FullyQualifiedErrorId | Should -BeLike 'MemoryInaccessible,*'
        $refusal.TargetObject.Id | Should -Be $target.Id
    }

    It 'refuses an address that is none' {
        (Get-Refusal { Read-PatchMemory $target.Id str_V 8 }).Exception.Message | Should -BeLike '*0x*'
    }
}

Describe 'An address of a 32-bit program that the module prints' {
    AfterEach { Stop-Target }

    It 'is taken back as it is typed' {
        $built = New-Sample 'sample/CFLAGS_O2_m32' 'CFLAGS=-O2 -m32'
        $target = Start-Target -Directory $built
        $library = Resolve-PatchSymbol $target.Id libc.so.6!puts
        $library.Address | Should -BeGreaterThan 0x7fffffffL
        $typed = [scriptblock]::Create("(Read-PatchMemory $($target.Id) $('0x{0:x}' -f $library.Address) 4).Address")
        & $typed | Should -Be $library.Address
    }
}

Describe 'Write-PatchMemory' {
    BeforeEach {
        $target = Start-Target
        $variable = Resolve-PatchSymbol $target.Id str_V
    }
    AfterEach { Stop-Target }

    It 'writes hexadecimal digits' {
        Write-PatchMemory $target.Id $variable '53 54 52'
        ($variable | Read-PatchMemory -Length 5).Ascii | Should -Be 'STR_V'
        Get-Output $target | Should -Contain 'STR_V of target.'
    }

    It 'writes an array of bytes, and gives what was there before' {
        $write = $variable | Write-PatchMemory -Bytes (0x53, 0x54) -PassThru
        $write.OldBytes | Should -Be '7374'
        $write.NewBytes | Should -Be '5354'
        Write-PatchMemory $target.Id $write.Address $write.OldBytes
        ($variable | Read-PatchMemory -Length 2).Ascii | Should -Be 'st'
    }

    It 'writes in a hold' {
        $hold = Suspend-PatchProcess $target.Id -Deadline 10
        try { Write-PatchMemory $target.Id $variable '53' -Suspension $hold }
        finally { $hold | Resume-PatchProcess }
        ($variable | Read-PatchMemory -Length 1).Ascii | Should -Be 'S'
    }

    It 'writes nothing with -WhatIf' {
        Write-PatchMemory $target.Id $variable '53' -WhatIf
        ($variable | Read-PatchMemory -Length 1).Ascii | Should -Be 's'
    }

    It 'refuses <bytes>, which is no hexadecimal data' -ForEach @(@{ bytes = '7g' }, @{ bytes = '737' }, @{ bytes = 4142 }) {
        (Get-Refusal { Write-PatchMemory $target.Id $variable $bytes }).FullyQualifiedErrorId |
            Should -BeLike 'ParameterArgumentTransformationError,*'
    }

    It 'refuses a hold of another process' {
        $other = Start-Target
        $hold = Suspend-PatchProcess $other.Id -Deadline 10
        try {
            (Get-Refusal { Write-PatchMemory $target.Id $variable '53' -Suspension $hold }).FullyQualifiedErrorId |
                Should -BeLike 'CommandInvalid,*'
        }
        finally { $hold | Resume-PatchProcess }
    }
}
