# bin/host/pannus, used as a person uses it from a shell.

BeforeAll {
    . "$PSScriptRoot/Support.ps1"
    $pannus = [IO.Path]::GetFullPath("$PSScriptRoot/../bin/host/pannus")

    function Start-Pannus([string[]] $Arguments) {
        # A runner in a shell's background has SIGINT ignored, and so would its children.
        $start = [Diagnostics.ProcessStartInfo]::new('/usr/bin/env')
        foreach ($argument in @('--default-signal=INT', $pannus) + $Arguments) { $start.ArgumentList.Add($argument) }
        $start.RedirectStandardInput = $start.RedirectStandardOutput = $start.RedirectStandardError = $true
        [Diagnostics.Process]::Start($start)
    }

    # The process's exit code, standard output and standard error.
    function Invoke-Pannus([string[]] $Arguments, [string] $Typed = '') {
        $process = Start-Pannus $Arguments
        $process.StandardInput.Write($Typed)
        $process.StandardInput.Close()
        $problems = $process.StandardError.ReadToEndAsync()
        $output = $process.StandardOutput.ReadToEnd()
        $process.WaitForExit()
        [pscustomobject]@{ Code = $process.ExitCode; Output = $output.TrimEnd(); Problems = $problems.Result.TrimEnd() }
    }

    function New-Script([string] $Text) {
        $path = "$TestDrive/$([guid]::NewGuid()).ps1"
        [IO.File]::WriteAllText($path, $Text)
        $path
    }
}

Describe 'pannus -Command' {
    It 'exits with <code> after <commands>' -ForEach @(
        @{ commands = '1'; code = 0 }
        @{ commands = 'exit 7'; code = 7 }
        @{ commands = 'throw "no"'; code = 1 }
        @{ commands = 'Get-NoSuchCommand'; code = 1 }
        @{ commands = 'Get-NoSuchCommand; 1'; code = 0 }
        @{ commands = 'sh -c "exit 3"'; code = 1 }
        @{ commands = 'sh -c "exit 3"; exit $LASTEXITCODE'; code = 3 }
        @{ commands = '$x ='; code = 1 }
    ) {
        (Invoke-Pannus '-Command', $commands).Code | Should -Be $code
    }

    It 'takes several words as one command' {
        (Invoke-Pannus '-Command', '1', '+', '2').Output | Should -Be '3'
    }

    It 'has the module' {
        (Invoke-Pannus '-Command', '(Get-Command Invoke-LivePatch).Source').Output | Should -Be 'Pannus'
        (Invoke-Pannus '-Command', '(Get-Command pannus).Definition').Output | Should -Be 'Invoke-LivePatch'
    }

    It 'renders objects as a table without escape sequences' {
        $lines = (Invoke-Pannus '-Command', '[pscustomobject]@{ Name = "a"; Size = 2 }').Output.Split("`n")
        $lines[1].TrimEnd() | Should -Be 'Name Size'
        $lines[3].TrimEnd() | Should -Be 'a       2'
    }

    It 'shows an error by its message, on standard error' {
        $result = Invoke-Pannus '-Command', 'throw "the reason"'
        $result.Output | Should -BeNullOrEmpty
        $result.Problems | Should -Be 'Exception: the reason'
    }

    It 'says where a command does not parse' {
        (Invoke-Pannus '-Command', 'if (1) {').Problems | Should -BeLike "*Missing closing '}'*"
    }

    It 'writes warnings and verbose messages to standard error' {
        $commands = '& { [CmdletBinding()] param()
            $PSCmdlet.WriteWarning("w"); $PSCmdlet.WriteVerbose("v"); 5 } -Verbose'
        $result = Invoke-Pannus '-Command', $commands
        $result.Output | Should -Be '5'
        $result.Problems | Should -Be "WARNING: w`nVERBOSE: v"
    }

    It 'shows no progress where there is no terminal' {
        $commands = '& { [CmdletBinding()] param()
            $PSCmdlet.WriteProgress([Management.Automation.ProgressRecord]::new(1, "Patching", "loading")) }'
        $result = Invoke-Pannus '-Command', $commands
        "$($result.Output)$($result.Problems)" | Should -BeNullOrEmpty
    }

    It 'stops at SIGINT and exits with 130' {
        $process = Start-Pannus '-Command', '"ready"; while ($true) { [Threading.Thread]::Sleep(10) }'
        $process.StandardOutput.ReadLine() | Should -Be 'ready'
        kill -INT $process.Id
        $process.WaitForExit(10000) | Should -BeTrue
        $process.ExitCode | Should -Be 130
    }
}

Describe 'pannus FILE.ps1' {
    It 'binds the arguments and knows its own place' {
        $script = New-Script 'param([string] $Name, [switch] $Force, [int] $Count) "$Name $Force $Count $PSScriptRoot"'
        (Invoke-Pannus $script, 'x', '-Count', '3', '-Force').Output | Should -Be "x True 3 $TestDrive"
    }

    It 'exits with <code> after <text>' -ForEach @(
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
    }
}

Describe 'pannus reading standard input' {
    It 'runs each command, also one of several lines' {
        (Invoke-Pannus @() "function f {`n'a'`n`n'b'`n}`nf`n'c'").Output | Should -Be "a`nb`nc"
    }

    It 'exits with the code of exit, else as the last command did' {
        (Invoke-Pannus @() "exit 4`n'never'").Code | Should -Be 4
        (Invoke-Pannus @() "'a'`nGet-NoSuchCommand").Code | Should -Be 1
        (Invoke-Pannus @() "Get-NoSuchCommand`n'a'").Code | Should -Be 0
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

    It 'exits with 1 when the patch is refused' {
        $result = Invoke-Pannus '4194304', "$TestDrive/none.so", '-', "$TestDrive/none.cmd"
        $result.Code | Should -Be 1
        $result.Problems | Should -Not -BeNullOrEmpty
    }

    It 'exits with 2 and shows the usage after <_>' -ForEach 'x', '1 2 3', 'x 2 3 4', '--no-such-option', 'none.ps1' {
        $result = Invoke-Pannus $_.Split(' ')
        $result.Code | Should -Be 2
        $result.Output | Should -BeNullOrEmpty
        $result.Problems | Should -BeLike '*usage: pannus PID PATCH MAPFILE CMDFILE*'
    }

    It 'answers --help and --version' {
        (Invoke-Pannus '--help').Output | Should -BeLike 'usage: pannus*'
        (Invoke-Pannus '--version').Output | Should -Match '^pannus \d+\.\d+\.\d+$'
    }
}
