# What a session has of the module, and what it keeps of it.

BeforeDiscovery { $versions = '1.7.0', '1.21.0' }

BeforeAll {
    Import-Module "$PSScriptRoot/../Pannus.psd1"
    . "$PSScriptRoot/Support.ps1"
    $module = [IO.Path]::GetFullPath("$PSScriptRoot/../Pannus.psd1")
    $target = Start-Target
    # Packages of the tests' project lie beside Pester.
    $packages = $env:PANNUS_PACKAGES

    # Runs commands in a new pwsh, which have $module and $target, and gives what it prints.
    function Invoke-Shell([string] $Commands) {
        $prologue = "`$ErrorActionPreference = 'Stop'; `$module = '$module'; `$target = $($target.Id); "
        $output = & (Get-Shell)[0] @((Get-Shell) | Select-Object -Skip 1) -NoProfile -Command ($prologue + $Commands) 2>&1
        "$output"
    }
}

AfterAll { Stop-Target }

Describe 'A session with another version of Iced' {
    It 'has <_> loaded before' -ForEach $versions {
        $iced = (Get-Item "$packages/iced/$_/lib/netstandard2.*/Iced.dll")[0].FullName
        Invoke-Shell "Add-Type -Path '$iced'; Import-Module `$module; (Test-LivePatch `$target '$patch' '' '$commands').Count
            Import-Module `$module -Force; (Test-LivePatch `$target '$patch' '' '$commands').Count
            [Iced.Intel.Decoder].Assembly.GetName().Version.ToString(3)" | Should -Be "4 4 $_"
    }

    It 'loads <_> after' -ForEach $versions {
        $iced = (Get-Item "$packages/iced/$_/lib/netstandard2.*/Iced.dll")[0].FullName
        Invoke-Shell "Import-Module `$module; (Test-LivePatch `$target '$patch' '' '$commands').Count; Add-Type -Path '$iced'
            Remove-Module Pannus; [Iced.Intel.Decoder].Assembly.GetName().Version.ToString(3)
            Import-Module `$module; (Test-LivePatch `$target '$patch' '' '$commands').Count" | Should -Be "4 $_ 4"
    }
}

Describe 'Importing the module' {
    It 'says nothing with $WhatIfPreference' {
        Invoke-Shell '$WhatIfPreference = $true; Import-Module $module; (Get-Alias pannus).Definition' | Should -Be 'Invoke-LivePatch'
    }

    It 'takes little time of a processor, and looks into no process' {
        $log = "$TestDrive/import.log"
        $shell = Get-Shell
        $code = "`$before = [Diagnostics.Process]::GetCurrentProcess().TotalProcessorTime; Import-Module '$module'
            ([Diagnostics.Process]::GetCurrentProcess().TotalProcessorTime - `$before).TotalMilliseconds"
        [double[]] $times = 1..3 | ForEach-Object { & $shell[0] $shell[1..9] -NoProfile -Command $code }
        ($times | Measure-Object -Minimum).Minimum | Should -BeLessOrEqual 250
        strace -f -qq -o $log -e 'trace=ptrace,pidfd_open,process_vm_readv,openat' $shell[0] $shell[1..9] -NoProfile -Command "Import-Module '$module'"
        Get-Content $log | Where-Object { $_ -match 'ptrace|pidfd|process_vm' -or $_ -match '"/proc/\d+/(mem|maps)"' } | Should -BeNullOrEmpty
    }
}

Describe 'An object from another session' {
    BeforeAll {
        function Copy-ByText($Value) {
            [Management.Automation.PSSerializer]::Deserialize([Management.Automation.PSSerializer]::Serialize($Value))
        }
        $other = Start-Target
        $mounted = Mount-PatchModule $other.Id $patch
    }

    It 'is taken for what it was: <type> by <cmdlet>' -ForEach @(
        @{ type = 'PatchTarget'; cmdlet = 'Resolve-PatchSymbol'; make = { Get-PatchTarget -Id $other.Id }
            use = { ($copy | Resolve-PatchSymbol func_J).Module | Should -Be 'target' } }
        @{ type = 'PatchModule'; cmdlet = 'Resolve-PatchSymbol'; make = { $mounted }
            use = {
                ($copy | Resolve-PatchSymbol func_J_plug).Address | Should -Be ($mounted | Resolve-PatchSymbol func_J_plug).Address
                (Get-Refusal { $copy | Resolve-PatchSymbol puts }).FullyQualifiedErrorId | Should -BeLike 'SymbolNotFound,*'
            } }
        @{ type = 'ResolvedSymbol'; cmdlet = 'Test-PatchSafety'; make = { Resolve-PatchSymbol $other.Id func_J }
            use = { (Test-PatchSafety $other.Id $copy).Id | Should -Be $other.Id } }
        @{ type = 'ResolvedSymbol'; cmdlet = 'Read-PatchMemory'; make = { Resolve-PatchSymbol $other.Id str_V }
            use = { ($copy | Read-PatchMemory).Ascii | Should -BeLike 'str_V*' } }
        @{ type = 'ResolvedSymbol'; cmdlet = 'Write-PatchVariable'; make = { Resolve-PatchSymbol $other.Id str_V }
            use = { ($copy | Write-PatchVariable -Value '73' -PassThru).Symbol | Should -Be 'str_V' } }
        @{ type = 'ResolvedSymbol'; cmdlet = 'Write-PatchJump'; make = { Resolve-PatchSymbol $other.Id func_J }
            use = { Write-PatchJump $copy ($mounted | Resolve-PatchSymbol func_J_plug) -WhatIf } }
        @{ type = 'PatchMemory'; cmdlet = 'Write-PatchMemory'; make = { Resolve-PatchSymbol $other.Id str_V | Read-PatchMemory }
            use = { ($copy | Write-PatchMemory -PassThru).Address | Should -Be $made.Address } }
        @{ type = 'PatchModule'; cmdlet = 'Dismount-PatchModule'; make = { $mounted }
            use = { $copy | Dismount-PatchModule; [IO.File]::ReadAllText("/proc/$($other.Id)/maps") | Should -Not -BeLike '*pannus:*' } }
        @{ type = 'LivePatchResult'; cmdlet = 'Undo-LivePatch'; make = { Invoke-LivePatch $other.Id $patch '' $commands }
            use = { ($copy | Undo-LivePatch).LivePatchId | Should -Be $made.LivePatchId } }
    ) {
        $made = & $make
        $copy = Copy-ByText $made
        & $use
    }

    It 'is refused by name when it was a hold' {
        $hold = Suspend-PatchProcess $other.Id -Deadline 5
        try {
            $copy = Copy-ByText $hold
            (Get-Refusal { Resume-PatchProcess $copy }).Exception.Message | Should -BeLike '*record of a hold*'
            (Get-Refusal { $copy | Test-PatchSafety -Symbol func_J }).Exception.Message | Should -BeLike '*record of a hold*'
            (Get-Refusal { Resolve-PatchSymbol $other.Id str_V | Write-PatchVariable -Value '73' -Suspension $copy }) | Should -BeLike '*record of a hold*'
        }
        finally { Resume-PatchProcess $hold }
    }
}

Describe 'A long session' {
    It 'keeps no mapping and no descriptor of what it looked at or patched' {
        $id = $target.Id
        $round = {
            $null = Get-PatchTarget -Id $id
            $null = Resolve-PatchSymbol $id func_J, str_V
            $null = Test-LivePatch $id $patch '' $commands
            $null = Resolve-PatchSymbol $id str_V | Read-PatchMemory
            $null = Test-PatchSafety $id func_J
            $null = Invoke-LivePatch $id $patch '' $commands
            $null = Get-LivePatch $id -Verify
            $null = Undo-LivePatch $id -All
            $null = Mount-PatchModule $id $patch | Dismount-PatchModule
            $null = Suspend-PatchProcess $id | Resume-PatchProcess
        }
        function Measure-Kept {
            [GC]::Collect()
            [GC]::WaitForPendingFinalizers()
            [Threading.Thread]::Sleep(100)
            $maps = @([IO.File]::ReadAllLines('/proc/self/maps') -match '/(target|patch\.so|libc\.so\.6|pannus.*)$|memfd:pannus').Count
            @{ Maps = $maps; Descriptors = [IO.Directory]::GetFileSystemEntries('/proc/self/fd').Count; Bytes = [GC]::GetTotalMemory($true) }
        }
        foreach ($i in 1..5) { & $round }
        $before = Measure-Kept
        foreach ($i in 1..50) { & $round }
        $after = Measure-Kept
        $after.Maps | Should -BeLessOrEqual $before.Maps
        $after.Descriptors | Should -BeLessOrEqual ($before.Descriptors + 2)
        $after.Bytes - $before.Bytes | Should -BeLessThan 2mb
    }
}
