# Help that is complete, right, and fits the screen.

BeforeDiscovery {
    Import-Module "$PSScriptRoot/../Pannus.psd1"
    $cmdlets = (Get-Module Pannus).ExportedCmdlets.Keys | ForEach-Object { @{ name = $_ } }
    $views = ([xml] [IO.File]::ReadAllText("$PSScriptRoot/../src/Pannus.PowerShell/Pannus.Format.ps1xml")).
        Configuration.ViewDefinitions.View | Where-Object { $_['TableControl'] } | ForEach-Object { @{ view = $_.Name } }
}

BeforeAll {
    Import-Module "$PSScriptRoot/../Pannus.psd1"
    . "$PSScriptRoot/Support.ps1"
}

AfterAll { Stop-Target }

Describe 'Help of <name>' -ForEach $cmdlets {
    It 'says what it does' {
        $help = Get-Help $name
        $help.Synopsis | Should -Not -BeNullOrEmpty
        # PowerShell makes a synopsis of the syntax where there is none.
        $help.Synopsis | Should -Not -BeLike "*$name *"
        $help.description.Text | Should -Not -BeNullOrEmpty
    }

    It 'describes every parameter and no other' {
        $common = [Management.Automation.PSCmdlet]::CommonParameters
        $shown = (Get-Command $name).Parameters.Values | Where-Object { @($_.Attributes.DontShow) -notcontains $true }
        $parameters = @($shown.Name | Where-Object { $_ -notin $common })
        $described = @((Get-Help $name -Full).parameters.parameter | Where-Object { $_ })
        $described | Should -HaveCount $parameters.Count
        foreach ($parameter in $described) {
            $parameter.name | Should -BeIn $parameters
            $parameter.description.Text | Should -Not -BeNullOrEmpty
        }
    }

    It 'has an example that runs' {
        $example = @((Get-Help $name -Full).examples.example)[0]
        $target = Start-Target
        $location = $ExecutionContext.SessionState.Path
        $before = $location.CurrentLocation.Path
        $null = $location.SetLocation($sample)
        # Other processes have that name as well, those of tests that run at the same time.
        $code = $example.code.Replace('-Name target', "-Id $($target.Id)")
        try { $null = & ([scriptblock]::Create("`$ErrorActionPreference = 'Stop'; $code")) }
        finally {
            $null = $location.SetLocation($before)
            Stop-Target
        }
    }
}

Describe 'about_Pannus' {
    It 'tells every error id' {
        $text = [IO.File]::ReadAllText("$PSScriptRoot/../en-US/about_Pannus.help.txt")
        foreach ($id in [Enum]::GetNames([Pannus.Core.PatchErrorId])) { $text | Should -BeLike "*$id*" }
    }
}

Describe 'Table of <view>' -ForEach $views {
    It 'fits 80 columns' {
        $document = [xml] [IO.File]::ReadAllText("$PSScriptRoot/../src/Pannus.PowerShell/Pannus.Format.ps1xml")
        $table = ($document.Configuration.ViewDefinitions.View | Where-Object Name -EQ $view).TableControl
        $columns = @($table.TableHeaders.TableColumnHeader)
        $width = 0
        # A last column without a width takes what is left, which must be something.
        foreach ($column in $columns) { $width += 1 + $(if ($column.Width) { [int] $column.Width } else { 6 }) }
        $width - 1 | Should -BeLessOrEqual 80
        @($table.TableRowEntries.TableRowEntry.TableColumnItems.TableColumnItem) | Should -HaveCount $columns.Count
    }
}

Describe 'What a person sees in 80 columns' {
    BeforeAll {
        $seen = Start-Target
        $applied = Invoke-LivePatch $seen.Id $patch '' $commands
        function Format-Wide($Value) { @(($Value | Out-String -Width 80).TrimEnd().Split("`n") | Where-Object { $_ }) }
    }

    It 'is a table with one line of headers: <what>' -ForEach @(
        @{ what = 'Get-LivePatch'; get = { Get-LivePatch $seen.Id } }
        @{ what = 'Get-PatchTarget'; get = { Get-PatchTarget -Id $seen.Id } }
        @{ what = 'Resolve-PatchSymbol'; get = { Resolve-PatchSymbol $seen.Id func_J, str_V } }
        @{ what = 'Undo-LivePatch'; get = { Undo-LivePatch $seen.Id -All -WhatIf } }
        @{ what = 'Invoke-LivePatch'; get = { $applied } }
    ) {
        $value = @(& $get)
        $value | Should -Not -BeNullOrEmpty
        $lines = Format-Wide $value
        ($lines | Measure-Object Length -Maximum).Maximum | Should -BeLessOrEqual 80
        $lines[1] | Should -Match '^[ -]+$'
    }

    It 'shows a message whole' {
        $undo = Undo-LivePatch $seen.Id -All -WhatIf
        $text = ((Format-Wide $undo) | Select-Object -Skip 2 | ForEach-Object { $_.Substring([Math]::Min(61, $_.Length)) }) -join ' '
        ($text -replace '\s') | Should -Be ($undo.Message -replace '\s')
    }

    It 'shows addresses in hexadecimal digits in lists, too' {
        $symbol = Resolve-PatchSymbol $seen.Id func_J
        ($symbol | Format-List | Out-String) | Should -BeLike ('*Address*: 0x{0:x}*' -f $symbol.Address)
    }
}
