# Runs in a guest under our host: the cmdlets' tests that touch processes, with a backend for all that takes one. Auto is
# Kernel here. What the tests patch was built on the host: the guest sees it read-only, and make finds nothing to do.
param([string] $Backend = 'Auto', [string] $Files = '*')
Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'
$root = [IO.Path]::GetFullPath("$PSScriptRoot/..")
. "$root/tests/Pannus.Tests/Pester/Pester.ps1"
Import-Module "$root/tests/Pannus.Tests/Pester/Should.psm1", "$root/Pannus.psd1" -Global
Set-StrictMode -Off
$ErrorActionPreference = 'Continue'
if ($Backend -ne 'Auto') { $global:PSDefaultParameterValues['*:Backend'] = $Backend }
# These know nothing of backends: they ran on the host.
$others = 'Completion', 'Help', 'Host', 'Import-PatchCommand', 'Resolve-PatchSymbol'
$global:TestDrive = [IO.Directory]::CreateTempSubdirectory('pannus-cmdlets-').FullName

[string[]] $found = [IO.Directory]::GetFiles("$root/tests", "$Files.Tests.ps1")
[Array]::Sort($found)
foreach ($file in $found) {
    if ([IO.Path]::GetFileName($file).Replace('.Tests.ps1', '') -in $others) { continue }
    $clock = [Diagnostics.Stopwatch]::StartNew()
    Invoke-PesterBlock (Find-PesterTest $file) | ForEach-Object {
        $Host.UI.WriteLine("$(if ($_.Passed) { 'ok' } else { 'not ok' }) - $Backend, $($_.Name)")
        if (-not $_.Passed) { $Host.UI.WriteLine("    $($_.Message)") }
    }
    $Host.UI.WriteLine("# $([IO.Path]::GetFileName($file)) with ${Backend}: $([int] $clock.Elapsed.TotalSeconds) s")
}
