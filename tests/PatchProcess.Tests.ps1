# Holding a target, and looking where its threads are.

BeforeAll {
    Import-Module "$PSScriptRoot/../Pannus.psd1"
    . "$PSScriptRoot/Support.ps1"
    $target = Start-Target -Interval 5

    function Get-LineCount { [IO.File]::ReadAllLines($target.Log).Count }
}

AfterAll { Stop-Target }

Describe 'Suspend-PatchProcess and Resume-PatchProcess' {
    It 'hold a target and let it go on' {
        $hold = Get-PatchTarget -Id $target.Id | Suspend-PatchProcess -Deadline 10
        try {
            $hold.Id | Should -Be $target.Id
            $hold.Threads | Should -Be 1
            $hold.IsHeld | Should -BeTrue
            $lines = Get-LineCount
            [Threading.Thread]::Sleep(100)
            Get-LineCount | Should -Be $lines
        }
        finally {
            $ended = $hold | Resume-PatchProcess -PassThru
        }
        $ended.IsHeld | Should -BeFalse
        $ended.Held | Should -BeGreaterThan ([TimeSpan]::FromMilliseconds(100))
        Get-Output $target | Should -Be $unpatched
    }

    It 'takes a bare number as seconds' {
        $hold = Suspend-PatchProcess $target.Id -Deadline 1.5
        $hold | Resume-PatchProcess
        $hold.Deadline | Should -Be ([TimeSpan]::FromSeconds(1.5))
    }

    It 'gives nothing to the pipeline without -PassThru' {
        Suspend-PatchProcess $target.Id | Resume-PatchProcess | Should -BeNullOrEmpty
    }

    It 'lets the target go on at the deadline, and says so when it is resumed later' {
        $hold = Suspend-PatchProcess $target.Id -Deadline 00:00:00.1
        Wait-Until { -not $hold.IsHeld }
        Get-Output $target | Should -Be $unpatched
        $hold | Resume-PatchProcess -WarningAction SilentlyContinue -WarningVariable warnings
        $warnings | Should -HaveCount 1
    }

    It 'lets the target go on at the deadline though the session itself is stopped' {
        $held = Join-Path $TestDrive held
        $script = "Import-Module '$PSScriptRoot/../Pannus.psd1'; `$null = Suspend-PatchProcess $($target.Id) -Deadline 1; " +
            "Set-Content '$held' 1; Start-Sleep 60"
        $shell = @(Get-Shell)
        $session = Start-Process $shell[0] (@($shell | Select-Object -Skip 1) + '-NoProfile', '-Command', "`"$script`"") -PassThru
        try {
            Wait-Until { Test-Path $held }
            & /bin/kill -STOP $session.Id
            $lines = Get-LineCount
            Wait-Until { (Get-LineCount) -gt $lines + 5 }
        }
        finally {
            $session.Kill()
        }
    }

    It 'lets the target go on when the session that holds it is closed' {
        $session = [powershell]::Create()
        $null = $session.AddScript("Import-Module '$PSScriptRoot/../Pannus.psd1'").
            AddStatement().AddScript("Suspend-PatchProcess $($target.Id) -Deadline 60").Invoke()
        $lines = Get-LineCount
        [Threading.Thread]::Sleep(100)
        Get-LineCount | Should -Be $lines
        $session.Runspace.Close()
        Wait-Until { (Get-LineCount) -gt $lines + 5 }
    }

    It 'holds nothing with -WhatIf, and Resume-PatchProcess takes that nothing' {
        $hold = Suspend-PatchProcess $target.Id -WhatIf
        $hold | Should -BeNullOrEmpty
        Resume-PatchProcess $hold
    }

    It 'refuses a deadline of <deadline>' -ForEach @(@{ deadline = 0 }, @{ deadline = -1 }, @{ deadline = 61 }) {
        (Get-Refusal { Suspend-PatchProcess $target.Id -Deadline $deadline }).FullyQualifiedErrorId |
            Should -BeLike 'ParameterArgumentValidationError,*'
    }

    It 'refuses a process that is not there' {
        (Get-Refusal { Suspend-PatchProcess $noSuchId }).FullyQualifiedErrorId | Should -BeLike 'TargetNotFound,*'
    }

    It 'shows how long it has been held, while it lasts' {
        $hold = Suspend-PatchProcess $target.Id -Deadline 5
        try {
            $hold.Held | Should -BeGreaterThan ([TimeSpan]::Zero)
            $hold.IsHeld | Should -BeTrue
        }
        finally { Resume-PatchProcess $hold }
    }
}

Describe 'Test-PatchSafety' {
    It 'takes <how>' -ForEach @(
        @{ how = 'a name'; test = { Test-PatchSafety $target.Id str_V } }
        @{ how = 'a symbol'; test = { $target | Test-PatchSafety -Symbol (Resolve-PatchSymbol $target.Id str_V) } }
        @{ how = 'an address and a length'; test = {
                Test-PatchSafety $target.Id -Address (Resolve-PatchSymbol $target.Id str_V).Address -Length 15 } }
    ) {
        $safety = & $test
        $safety.Id | Should -Be $target.Id
        $safety.IsSafe | Should -BeTrue
        $safety.Threads | Should -Be 1
    }

    It 'checks inside a hold' {
        $hold = Suspend-PatchProcess $target.Id -Deadline 10
        try {
            ($hold | Test-PatchSafety -Symbol str_V).IsSafe | Should -BeTrue
            (Test-PatchSafety -Suspension $hold -Symbol str_V).IsSafe | Should -BeTrue
            $hold.IsHeld | Should -BeTrue
        }
        finally { $hold | Resume-PatchProcess }
    }

    It 'names the thread that is inside a function' {
        $stuck = Start-StuckTarget
        $safety = Test-PatchSafety $stuck.Id stuck
        $safety.IsSafe | Should -BeFalse
        $safety.ThreadId | Should -Be $stuck.Id
        $safety.Symbol | Should -BeLike 'stuck+0x* (stuck)'
    }

    It 'shows the frames of the thread that is inside' {
        # The sample's main thread sleeps in main.
        $safety = Test-PatchSafety $target.Id main
        $safety.IsSafe | Should -BeFalse
        $safety.FoundBy | Should -Be Unwound
        $safety.Symbol | Should -BeLike 'main+0x* (target)'
        @($safety.Backtrace -like '#* 0x* main+0x* (target)  <-- inside') | Should -HaveCount 1
        $safety.Backtrace[0] | Should -BeLike '#0 0x* (libc.so.6)'
        (Test-PatchSafety $target.Id main -SafetyCheck Entry).IsSafe | Should -BeTrue
        (Test-PatchSafety $target.Id func_J -ScanMemory).IsSafe | Should -BeTrue
    }

    It 'refuses to check nothing' {
        (Get-Refusal { Test-PatchSafety $target.Id }).FullyQualifiedErrorId | Should -BeLike 'CommandInvalid,*'
    }
}
