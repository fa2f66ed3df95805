# The whole pipe.

BeforeAll {
    Import-Module "$PSScriptRoot/../Pannus.psd1"
    . "$PSScriptRoot/Support.ps1"
}

Describe 'Invoke-LivePatch' {
    BeforeEach { $target = Start-Target }
    AfterEach { Stop-Target }

    It 'patches a process found by name, as in the README' {
        $result = Get-PatchTarget -Name target | Where-Object Id -EQ $target.Id |
            Invoke-LivePatch -Path $patch -CommandFile $commands -Verbose 4>&1 |
            Where-Object { $_ -isnot [Management.Automation.VerboseRecord] }
        $result.Id | Should -Be $target.Id
        $result.Name | Should -Be 'target'
        $result.Patch | Should -Be 'patch.so'
        $result.Status | Should -Be 'Applied'
        $result.Jumps | Should -Be 1
        $result.Variables | Should -Be 1
        $result.Pointers | Should -Be 2
        $result.LoadPause | Should -BeOfType [TimeSpan]
        $result.Pause | Should -BeGreaterThan ([TimeSpan]::Zero)
        $result.Attempts | Should -BeGreaterOrEqual 1
        $result.Backend | Should -BeIn 'Kernel', 'Ptrace'
        $result.Message | Should -Not -BeNullOrEmpty
        Get-Output $target | Should -Be $patched
    }

    It 'tells with -Verbose what it does' {
        $records = Invoke-LivePatch $target.Id $patch -CommandFile $commands -Verbose 4>&1
        $records | Where-Object { $_ -is [Management.Automation.VerboseRecord] } | Should -Not -BeNullOrEmpty
    }

    It 'takes the target as <how>' -ForEach @(
        @{ how = 'a number'; invoke = { Invoke-LivePatch $target.Id $patch -CommandFile $commands } }
        @{ how = 'a number in text'; invoke = { Invoke-LivePatch "$($target.Id)" $patch '' $commands } }
        @{ how = 'a Process'; invoke = { Invoke-LivePatch $target.Process $patch '' $commands } }
        @{ how = 'a PatchTarget'; invoke = { Invoke-LivePatch (Get-PatchTarget -Id $target.Id) $patch '' $commands } }
        @{ how = '-Target'; invoke = { Invoke-LivePatch -Target $target.Id -Path $patch -CommandFile $commands } }
        @{ how = 'a number from the pipeline'; invoke = { $target.Id | Invoke-LivePatch $patch '' $commands } }
        @{ how = 'a Process from the pipeline'; invoke = { $target.Process | Invoke-LivePatch $patch - $commands } }
        @{ how = 'any object with an Id'; invoke = { [pscustomobject]@{ Id = $target.Id } | Invoke-LivePatch $patch '' $commands } }
        @{ how = 'the command line of 2004'; invoke = { pannus $target.Id $patch "$sample/target.map" $commands } }
    ) {
        (& $invoke).Status | Should -Be 'Applied'
        Get-Output $target | Should -Be $patched
    }

    It 'finds the commands inside the patch file' {
        $result = $target | Invoke-LivePatch "$sample/patch-inside.so"
        $result.Status | Should -Be 'Applied'
        $result.Patch | Should -Be 'sample'
        Get-Output $target | Should -Be $patched
    }

    It 'leaves a patch alone that is in force already' {
        $null = Invoke-LivePatch $target.Id $patch '' $commands
        (Invoke-LivePatch $target.Id $patch '' $commands).Status | Should -Be 'AlreadyApplied'
        Get-Output $target | Should -Be $patched
    }

    It 'gives the plan with -WhatIf and touches nothing' {
        $result = Invoke-LivePatch $target.Id $patch '' $commands -WhatIf
        $result.Status | Should -Be 'Planned'
        $result.Jumps | Should -Be 1
        Get-Output $target | Should -Be $unpatched
        (Get-PatchTarget -Id $target.Id).LivePatches | Should -Be 0
    }

    It 'refuses with -WhatIf what it would refuse' {
        $file = "$TestDrive/missing.cmd"
        [IO.File]::WriteAllText($file, 'J no_such_function func_J_plug')
        (Get-Refusal { Invoke-LivePatch $target.Id $patch '' $file -WhatIf }).FullyQualifiedErrorId |
            Should -BeLike 'SymbolNotFound,*'
    }

    It 'patches many, each for itself, and goes on after one that is not there' {
        $other = Start-Target
        $results = $target.Id, $noSuchId, $other.Id |
            Invoke-LivePatch $patch '' $commands -ErrorAction SilentlyContinue -ErrorVariable problems
        $results.Id | Should -Be $target.Id, $other.Id
        $problems | Should -HaveCount 1
        $problems[0].FullyQualifiedErrorId | Should -Be 'TargetNotFound,Pannus.PowerShell.InvokeLivePatchCommand'
        Get-Output $target | Should -Be $patched
        Get-Output $other | Should -Be $patched
    }

    It 'changes nothing at all when one command cannot be done' {
        $file = "$TestDrive/half.cmd"
        [IO.File]::WriteAllText($file, "J func_J func_J_plug`nP no_such_pointer str_P_plug")
        $refusal = Get-Refusal { Invoke-LivePatch $target.Id $patch '' $file }
        $refusal.FullyQualifiedErrorId | Should -BeLike 'SymbolNotFound,*'
        $refusal.TargetObject.GetType().Name | Should -Be 'PatchTarget'
        $refusal.TargetObject.Id | Should -Be $target.Id
        Get-Output $target | Should -Be $unpatched
        (Get-PatchTarget -Id $target.Id).LivePatches | Should -Be 0
    }

    It 'refuses an id that was used again' {
        $stale = [pscustomobject]@{ Id = $target.Id; StartTicks = [ulong] 1 }
        (Get-Refusal { $stale | Invoke-LivePatch $patch '' $commands }).FullyQualifiedErrorId |
            Should -BeLike 'TargetReplaced,*'
    }

    It 'ends at once when <file> is not there' -ForEach @(
        @{ file = 'the patch file'; arguments = @{ Path = '/nonexistent/a.so' } }
        @{ file = 'the map file'; arguments = @{ MapFile = '/nonexistent/a.map' } }
        @{ file = 'the command file'; arguments = @{ CommandFile = '/nonexistent/a.cmd' } }
    ) {
        $all = @{ Path = $patch; CommandFile = $commands } + @{}
        foreach ($key in $arguments.Keys) { $all[$key] = $arguments[$key] }
        $refusal = Get-Refusal { $target.Id, $target.Id | Invoke-LivePatch @all }
        $refusal.FullyQualifiedErrorId | Should -BeLike 'PatchFileNotFound,*'
    }

    It 'asks for commands when there are none' {
        $refusal = Get-Refusal { $target | Invoke-LivePatch $patch }
        $refusal.FullyQualifiedErrorId | Should -BeLike 'CommandInvalid,*'
        $refusal.Exception.Message | Should -BeLike '*-CommandFile*'
    }

    It 'says how to find processes by name when the name is given first' {
        (Get-Refusal { Invoke-LivePatch target $patch }).Exception.Message | Should -BeLike '*Get-PatchTarget*'
        (Get-Refusal { Invoke-LivePatch -Target target -Path $patch }).Exception.Message | Should -BeLike '*Get-PatchTarget*'
    }

    Context 'while a thread never leaves a function' {
        BeforeAll {
            $neverLeft = "$TestDrive/stuck.cmd"
            [IO.File]::WriteAllText($neverLeft, 'J stuck stuck_plug')
            $patch = "$targets/patches/stuck.so"

            function Test-Mapped { [IO.File]::ReadAllText("/proc/$($target.Id)/maps").Contains('memfd:pannus') }
        }

        BeforeEach { $target = Start-StuckTarget }

        It 'gives up after the timeout and leaves the target as it was' {
            $refusal = Get-Refusal { Invoke-LivePatch $target.Id $patch '' $neverLeft -Timeout 0.3 }
            $refusal.FullyQualifiedErrorId | Should -BeLike 'FunctionActive,*'
            $refusal.TargetObject.Id | Should -Be $target.Id
            Test-Mapped | Should -BeFalse
            $target.Process.HasExited | Should -BeFalse
        }

        It 'ends at once with Ctrl-C and leaves the target as it was' {
            $shell = [powershell]::Create([initialsessionstate]::CreateDefault2())
            $null = $shell.AddScript('param($module, $id, $path, $commands)
                Import-Module $module
                Invoke-LivePatch $id $path - $commands -Timeout 60')
            foreach ($argument in "$PSScriptRoot/../Pannus.psd1", $target.Id, $patch, $neverLeft) {
                $null = $shell.AddArgument($argument)
            }
            $null = $shell.BeginInvoke()
            Wait-Until { Test-Mapped }
            $clock = [Diagnostics.Stopwatch]::StartNew()
            $shell.Stop()
            $clock.Elapsed.TotalSeconds | Should -BeLessThan 5
            Wait-Until { -not (Test-Mapped) }
            $target.Process.HasExited | Should -BeFalse
        }
    }

    It 'takes bare numbers as seconds, and refuses a timeout of <timeout>' -ForEach @(
        @{ timeout = 0 }, @{ timeout = -1 }, @{ timeout = 3601 }, @{ timeout = '00:00:00' }
    ) {
        (Get-Refusal { $target | Invoke-LivePatch $patch '' $commands -Timeout $timeout }).FullyQualifiedErrorId |
            Should -BeLike 'ParameterArgumentValidationError,*'
        ($target | Invoke-LivePatch $patch '' $commands -Timeout 2.5 -RetryInterval 0.01).Status | Should -Be 'Applied'
    }

    It 'takes its files by name from the rows of a table' {
        $other = Start-Target
        Set-Content "$TestDrive/table.csv" 'Id,Path,CommandFile', "$($target.Id),$patch,$commands", "$($target.Id),$TestDrive/none.so,$commands",
            "$($other.Id),$patch,$commands"
        $found = Import-Csv "$TestDrive/table.csv" | Invoke-LivePatch -ErrorAction SilentlyContinue -ErrorVariable problems
        $found.Id | Should -Be $target.Id, $other.Id
        $problems | Should -HaveCount 1
        $problems[0].FullyQualifiedErrorId | Should -BeLike 'PatchFileNotFound,*'
        Get-Output $other | Should -Be $patched
    }

    It 'takes patch files from the pipeline' {
        Copy-Item "$sample/patch-inside.so" "$TestDrive/inside.so"
        (Get-ChildItem "$TestDrive/inside.so" | Invoke-LivePatch -Target $target.Id).Status | Should -Be 'Applied'
        Get-Output $target | Should -Be $patched
    }

    It 'does not take the program of a process for the patch' {
        (Get-Refusal { Get-PatchTarget -Id $target.Id | Invoke-LivePatch }).Exception.Message | Should -BeLike 'No patch file was given*-Path*'
    }

    It 'says what it refuses: <given>' -ForEach @(
        @{ given = 'two targets in one argument'; call = { Invoke-LivePatch -Target $target.Id, $target.Id -Path $patch }; says = '*pipeline*' }
        @{ given = 'a number that is no process'; call = { Invoke-LivePatch -1 $patch '' $commands }; says = '*no process -1*' }
    ) {
        (Get-Refusal $call).Exception.Message | Should -BeLike $says
    }

    It 'tells with an error what it is about and what to do' {
        $refusal = Get-Refusal { Invoke-LivePatch $target.Id "$TestDrive/none.so" }
        $refusal.TargetObject | Should -Be "$TestDrive/none.so"
        $refusal.ErrorDetails.RecommendedAction | Should -Not -BeNullOrEmpty
        $refusal = Get-Refusal { Invoke-LivePatch $noSuchId $patch '' $commands }
        $refusal.ErrorDetails.Message | Should -Be $refusal.Exception.Message
        $refusal.ErrorDetails.RecommendedAction | Should -BeLike '*Get-PatchTarget*'
    }

    It 'gives pauses that add up' {
        $result = Invoke-LivePatch $target.Id $patch '' $commands
        ($result | Measure-Object PauseMicroseconds -Sum).Sum | Should -Be $result.Pause.TotalMicroseconds
        ($result | Measure-Object LoadPauseMicroseconds -Sum).Sum | Should -Be $result.LoadPause.TotalMicroseconds
    }
}

Describe 'Test-LivePatch' {
    BeforeEach { $target = Start-Target }
    AfterEach { Stop-Target }

    It 'shows every write and touches nothing' {
        $plan = Test-LivePatch $target.Id $patch -CommandFile $commands
        $plan.Kind | Should -Be 'Jump', 'Variable', 'Pointer', 'Pointer'
        $plan.Symbol | Should -Be 'func_J', 'str_V', 'str_P', 'func_L'
        $plan[1].OldBytes | Should -Be '7374725f56206f66207461726765742e'.Substring(0, 30)
        $plan[1].NewBytes | Should -Be '7374725f56206f6620706c75672e00'
        Get-Output $target | Should -Be $unpatched
        (Get-PatchTarget -Id $target.Id).LivePatches | Should -Be 0
    }

    It 'refuses what Invoke-LivePatch would refuse' {
        $file = "$TestDrive/none.cmd"
        [IO.File]::WriteAllText($file, 'V no_such_variable 00')
        (Get-Refusal { $target | Test-LivePatch $patch '' $file }).FullyQualifiedErrorId | Should -BeLike 'SymbolNotFound,*'
    }
}
