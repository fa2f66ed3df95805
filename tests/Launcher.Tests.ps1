# bin/pannus, used as a person uses it from a shell.

BeforeAll {
    . "$PSScriptRoot/Support.ps1"
    $pannus = [IO.Path]::GetFullPath("$PSScriptRoot/../bin/pannus")

    # The process's exit code, standard output and standard error.
    function Invoke-Pannus([string[]] $Arguments, [string] $Typed = '', [string] $Program = $pannus, [string] $From = '/') {
        $start = [Diagnostics.ProcessStartInfo]::new($Program)
        foreach ($argument in $Arguments) { $start.ArgumentList.Add($argument) }
        $start.RedirectStandardInput = $start.RedirectStandardOutput = $start.RedirectStandardError = $true
        $start.WorkingDirectory = $From
        $start.Environment['TERM'] = 'dumb'
        $process = [Diagnostics.Process]::Start($start)
        $process.StandardInput.Write($Typed)
        $process.StandardInput.Close()
        $problems = $process.StandardError.ReadToEndAsync()
        $output = $process.StandardOutput.ReadToEnd()
        $process.WaitForExit()
        [pscustomobject]@{ Code = $process.ExitCode; Output = $output.TrimEnd(); Problems = $problems.Result.TrimEnd() }
    }

    function New-Script([string] $Text, [string] $Name = "$([guid]::NewGuid()).ps1") {
        $path = "$TestDrive/$Name"
        [IO.File]::WriteAllText($path, $Text)
        $path
    }
}

Describe 'pannus -Command' {
    It 'exits with <code> after <commands>, as pwsh does' -ForEach @(
        @{ commands = '1'; code = 0 }
        @{ commands = 'exit 7'; code = 7 }
        @{ commands = 'throw "no"'; code = 1 }
        @{ commands = 'Get-NoSuchCommand'; code = 1 }
        @{ commands = '$x ='; code = 1 }
    ) {
        (Invoke-Pannus '-Command', $commands).Code | Should -Be $code
    }

    It 'takes several words as one command' {
        (Invoke-Pannus '-Command', '1', '+', '2').Output | Should -Be '3'
    }

    It 'has the module imported, after options of pwsh too' {
        $said = Invoke-Pannus '-NoProfile', '-ExecutionPolicy', 'Bypass', '-c', '(Get-Module Pannus).Name; (Get-Alias pannus).Definition'
        $said.Problems | Should -BeNullOrEmpty
        $said.Output | Should -Be "Pannus`nInvoke-LivePatch"
        (Invoke-Pannus '-CommandWithArgs', '"$args"; (Get-Module Pannus).Name', "a  b's").Output | Should -Be "a  b's`nPannus"
    }

    It 'reads commands from standard input for -' {
        (Invoke-Pannus '-Command', '-' "(Get-Module Pannus).Name`nexit 4`n'never'").Code | Should -Be 4
        (Invoke-Pannus '-Command', '-' '(Get-Module Pannus).Name').Output | Should -BeLike '*Pannus*'
    }
}

Describe 'pannus FILE.ps1' {
    It 'binds the arguments, blanks and quotes included, and knows its own place' {
        $script = New-Script 'param([string] $Name, [switch] $Force, [int] $Count) "$Name $Force $Count $PSScriptRoot"' 'a file.ps1'
        (Invoke-Pannus $script, "it's  `"x`" `$y", '-Count', '3', '-Force').Output |
            Should -Be "it's  `"x`" `$y True 3 $TestDrive"
        (Invoke-Pannus '-NoProfile', '-File', 'a file.ps1', '7' -From $TestDrive).Output | Should -Be "7 False 0 $TestDrive"
    }

    It 'has the module imported' {
        (Invoke-Pannus (New-Script '(Get-Module Pannus).Name')).Output | Should -Be 'Pannus'
    }

    It 'exits with <code> after <text>, as pwsh does' -ForEach @(
        @{ text = 'exit 9'; code = 9 }
        @{ text = 'sh -c "exit 5"'; code = 0 }
        @{ text = 'Get-NoSuchCommand'; code = 0 }
        @{ text = 'throw 1'; code = 1 }
        @{ text = 'if (1) {'; code = 1 }
    ) {
        (Invoke-Pannus (New-Script $text)).Code | Should -Be $code
    }

    It 'shows the line of a script that failed' {
        (Invoke-Pannus (New-Script "1`nthrow 'the reason'")).Problems | Should -BeLike '*throw*the reason*'
        (Invoke-Pannus (New-Script 'if (1) {')).Problems | Should -BeLike "*Missing closing '}'*"
    }
}

Describe 'pannus without arguments' {
    It 'prompts for commands, with the module imported' {
        $said = Invoke-Pannus @() "(Get-Module Pannus).Name`nexit 4"
        $said.Code | Should -Be 4
        $said.Output | Should -Match '(?m)^Pannus'
    }
}

Describe 'pannus PID PATCH MAPFILE CMDFILE' {
    AfterEach { Stop-Target }

    It 'patches, as in 2004, a program built with <make>, and other sessions list that and take it back' -ForEach @(
        @{ make = 'CFLAGS=-O2'; architecture = 'X64' }
        @{ make = 'CFLAGS=-O2 -m32'; architecture = 'X86' }
        @{ make = 'CFLAGS=-O2 -m32 -fno-pie', 'LDFLAGS=-no-pie'; architecture = 'X86' }
    ) {
        $built = New-Sample "sample/$("$make" -replace '\W+', '_')" $make
        $target = Start-Target -Directory $built
        Get-Output $target | Should -Be $unpatched
        $result = Invoke-Pannus $target.Id, "$built/patch.so", "$built/target.map", "$built/pannus.cmd"
        $result.Problems | Should -BeNullOrEmpty
        $result.Code | Should -Be 0
        Get-Output $target | Should -Be $patched

        $id = $target.Id
        (Invoke-Pannus '-Command', "`"`$((Get-PatchTarget -Id $id).Architecture) `$((Get-LivePatch $id).State)`"").Output |
            Should -Be "$architecture Applied"
        (Invoke-Pannus '-Command', "(Undo-LivePatch $id -All).Writes").Output | Should -Be '4'
        Get-Output $target | Should -Be $unpatched
    }

    It 'takes files by paths from where it is called' {
        $target = Start-Target
        $result = Invoke-Pannus $target.Id, 'patch.so', '-', 'pannus.cmd' -From $sample
        $result.Code | Should -Be 0
        Get-Output $target | Should -Be $patched
    }

    It 'exits with 1 when <why>' -ForEach @(
        @{ why = 'the process is not there'; patch = $null; id = '4194304' }
        @{ why = 'the patch file is not there'; patch = '/none.so'; id = $null }
    ) {
        $id ??= (Start-Target).Id
        $patch ??= "$sample/patch.so"
        $result = Invoke-Pannus $id, $patch, '-', "$sample/pannus.cmd"
        $result.Code | Should -Be 1
        $result.Problems | Should -Not -BeNullOrEmpty
    }

    It 'exits with 2 and shows the usage after <_>' -ForEach 'x', '1 2 3', '1 2 3 4 5', 'x 2 3 4', 'none.ps1' {
        $result = Invoke-Pannus $_.Split(' ')
        $result.Code | Should -Be 2
        $result.Output | Should -BeNullOrEmpty
        $result.Problems | Should -BeLike '*usage: pannus PID PATCH MAPFILE CMDFILE*'
    }

    It 'answers --help' {
        (Invoke-Pannus '--help').Output | Should -BeLike 'usage: pannus*'
    }
}

Describe 'A built module in a folder of any name' {
    It 'works there, by a link too, and where nothing can be written' {
        $root = [IO.Path]::GetFullPath("$PSScriptRoot/..")
        $copy = "$TestDrive/it's [a] copy"
        $null = New-Item "$copy/bin" -ItemType Directory
        cp "$root/Pannus.psd1" "$root/Pannus.psm1" $copy
        cp -r "$root/bin/module" $pannus "$root/bin/pannus.ps1" "$copy/bin"
        ln -s "$copy/bin/pannus" "$TestDrive/link"
        chmod -R a-w $copy
        $where = "Split-Path -Parent (Get-Module Pannus).Path"
        $said = Invoke-Pannus '-Command', $where -Program "$TestDrive/link"
        $said.Problems | Should -BeNullOrEmpty
        $said.Output | Should -Be $copy
        (Invoke-Pannus (New-Script $where) -Program "$copy/bin/pannus").Output | Should -Be $copy
        chmod -R u+w $copy
    }
}
