# Names to addresses.

BeforeAll {
    Import-Module "$PSScriptRoot/../Pannus.psd1"
    . "$PSScriptRoot/Support.ps1"
    $target = Start-Target
}

AfterAll { Stop-Target }

Describe 'Resolve-PatchSymbol' {
    It 'finds a function' {
        $symbol = Resolve-PatchSymbol $target.Id func_J
        $symbol.Id | Should -Be $target.Id
        $symbol.Name | Should -Be 'func_J'
        $symbol.Type | Should -Be 'Function'
        $symbol.Module | Should -Be 'target'
        $symbol.Size | Should -BeGreaterThan 0
        $symbol.Address | Should -BeGreaterThan 0
    }

    It 'finds several names in the order they are given' {
        (Get-PatchTarget -Id $target.Id | Resolve-PatchSymbol str_V, func_J).Name | Should -Be 'str_V', 'func_J'
    }

    It 'finds all that a wildcard fits' {
        $names = ($target | Resolve-PatchSymbol func_* -Module target).Name
        $names | Should -Contain 'func_J'
        $names | Should -Contain 'func_L'
    }

    It 'gives nothing and no error for a wildcard that fits nothing' {
        Resolve-PatchSymbol $target.Id no_such_symbol* -ErrorAction Stop | Should -BeNullOrEmpty
    }

    It 'finds a function of a library by <how>' -ForEach @(
        @{ how = 'its name alone'; name = 'puts'; module = @{} }
        @{ how = 'a qualified name'; name = 'libc.so.6!puts'; module = @{} }
        @{ how = '-Module'; name = 'puts'; module = @{ Module = 'libc.so.6' } }
        @{ how = '-Module with a wildcard'; name = 'puts'; module = @{ Module = 'libc*' } }
    ) {
        (Resolve-PatchSymbol $target.Id $name @module).Module | Should -BeLike 'libc.so*'
    }

    It 'finds the same address in the map file' {
        $symbol = Resolve-PatchSymbol $target.Id func_J -MapFile "$sample/target.map"
        $symbol.Source | Should -Be 'MapFile'
        $symbol.Address | Should -Be (Resolve-PatchSymbol $target.Id func_J).Address
    }

    It 'finds symbols of a mounted patch' {
        $module = Mount-PatchModule $target.Id $patch
        $symbol = $module | Resolve-PatchSymbol func_J_plug
        $symbol.Address | Should -BeGreaterThan $module.Address
        $symbol.Address | Should -BeLessThan ($module.Address + $module.Size)
        (Resolve-PatchSymbol $module *_plug).Name | Should -Contain 'str_P_plug'
        (Get-Refusal { $module | Resolve-PatchSymbol no_such_symbol }).FullyQualifiedErrorId |
            Should -BeLike 'SymbolNotFound,*'
    }

    It 'gives an error for a name that is not there, and the others all the same' {
        $found = Resolve-PatchSymbol $target.Id no_such_symbol, func_J -ErrorAction SilentlyContinue -ErrorVariable problems
        $found.Name | Should -Be 'func_J'
        $problems | Should -HaveCount 1
        $problems[0].FullyQualifiedErrorId | Should -BeLike 'SymbolNotFound,*'
        $problems[0].TargetObject.Id | Should -Be $target.Id
    }

    It 'says how to find processes by name when the name is given first' {
        (Get-Refusal { Resolve-PatchSymbol target func_J }).Exception.Message | Should -BeLike '*Get-PatchTarget*'
    }

    It 'refuses a map file that is not there' {
        (Get-Refusal { Resolve-PatchSymbol $target.Id func_J -MapFile "$TestDrive/none.map" }).FullyQualifiedErrorId |
            Should -BeLike 'PatchFileNotFound,*'
    }
}
