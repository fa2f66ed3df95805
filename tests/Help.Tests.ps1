# Help that is complete, right, and fits the screen.

BeforeDiscovery {
    Import-Module "$PSScriptRoot/../Pannus.psd1"
    $cmdlets = (Get-Module Pannus).ExportedCmdlets.Keys | ForEach-Object { @{ name = $_ } }
    $views = ([xml] [IO.File]::ReadAllText("$PSScriptRoot/../src/Pannus.PowerShell/Pannus.Format.ps1xml")).
        Configuration.ViewDefinitions.View | ForEach-Object { @{ view = $_.Name } }
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
        $parameters = @((Get-Command $name).Parameters.Keys | Where-Object { $_ -notin $common })
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
        foreach ($id in [Enum]::GetNames([Pannus.PatchErrorId])) { $text | Should -BeLike "*$id*" }
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
