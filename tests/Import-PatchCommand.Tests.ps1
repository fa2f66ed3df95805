# Reading command files.

BeforeAll {
    Import-Module "$PSScriptRoot/../Pannus.psd1"
    . "$PSScriptRoot/Support.ps1"

    function New-CommandFile([string] $Text) {
        $path = "$TestDrive/$([guid]::NewGuid()).cmd"
        [IO.File]::WriteAllText($path, $Text)
        $path
    }
}

Describe 'Import-PatchCommand' {
    It 'reads the commands of a file' {
        $read = Import-PatchCommand $commands
        $read.Kind | Should -Be 'Jump', 'Variable', 'Pointer', 'Pointer'
        $read.Target | Should -Be 'func_J', 'str_V', 'str_P', 'func_L'
        $read[0].Source | Should -Be 'func_J_plug'
        [Text.Encoding]::ASCII.GetString($read[1].Data) | Should -Be "str_V of plug.`0"
        $read[0].File | Should -BeLike '*pannus.cmd'
        $read[0].Line | Should -Be 2
    }

    It 'reads the commands inside a patch file' {
        (Import-PatchCommand "$sample/patch-inside.so").Target | Should -Be 'func_J', 'str_V', 'str_P', 'func_L'
    }

    It 'takes files from the pipeline' {
        ([IO.FileInfo]::new($commands) | Import-PatchCommand) | Should -HaveCount 4
    }

    It 'reads a file relative to the location' {
        $location = $ExecutionContext.SessionState.Path
        $before = $location.CurrentLocation.Path
        $null = $location.SetLocation($sample)
        try { Import-PatchCommand ./pannus.cmd | Should -HaveCount 4 }
        finally { $null = $location.SetLocation($before) }
    }

    It 'refuses a patch file without commands' {
        (Get-Refusal { Import-PatchCommand $patch }).FullyQualifiedErrorId | Should -BeLike 'CommandInvalid,*'
    }

    It 'refuses a file that is not there' {
        (Get-Refusal { Import-PatchCommand "$TestDrive/none.cmd" }).FullyQualifiedErrorId |
            Should -BeLike 'PatchFileNotFound,*'
    }

    It 'refuses <what> and names the line' -ForEach @(
        @{ what = 'an unknown letter'; text = "`nX a b" }
        @{ what = 'a digit that is not hexadecimal'; text = "`nV a 7g" }
        @{ what = 'half a byte'; text = "`nV a 737" }
        @{ what = 'a missing operand'; text = "`nJ a" }
        @{ what = 'the same target twice'; text = "J a b`nJ a c" }
    ) {
        $path = New-CommandFile $text
        $refusal = Get-Refusal { Import-PatchCommand $path }
        $refusal.FullyQualifiedErrorId | Should -BeLike 'CommandInvalid,*'
        $refusal.Exception.Message | Should -BeLike '*:2:*'
    }
}
