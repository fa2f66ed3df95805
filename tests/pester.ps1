<#
.SYNOPSIS
    Runs tests/*.Tests.ps1 by Pester, in this session.
.PARAMETER Pester
    The manifest of Pester.
.PARAMETER Result
    File for the results, in JUnit's format.
.PARAMETER Name
    Names of the files to run, without .Tests.ps1; wildcards are expanded.
#>
[CmdletBinding()]
param(
    [Parameter(Mandatory)] [string] $Pester,
    [Parameter(Mandatory)] [string] $Result,
    [string[]] $Name = '*'
)
# The folder of packages, for the tests that need others of them: NAME/VERSION/tools/Pester.psd1 in it is Pester.
$env:PANNUS_PACKAGES = (Get-Item $Pester).Directory.Parent.Parent.Parent.FullName
Import-Module $Pester, "$PSScriptRoot/../Pannus.psd1" -ErrorAction Stop
$configuration = New-PesterConfiguration
$configuration.Run.Path = @($Name | ForEach-Object { (Get-Item "$PSScriptRoot/$_.Tests.ps1").FullName })
$configuration.Run.PassThru = $true
$configuration.TestResult.Enabled = $true
$configuration.TestResult.OutputFormat = 'JUnitXml'
$configuration.TestResult.OutputPath = $Result
$run = Invoke-Pester -Configuration $configuration
exit [int] ($run.Result -ne 'Passed')
