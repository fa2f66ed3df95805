# Runs in a guest: the cmdlets' tests that touch processes, with a backend for all that takes one. Auto is Kernel here. What
# the tests patch was built before: the guest sees it read-only, and make finds nothing to do.
param([string] $Pester, [string] $Backend = 'Auto', [string] $Files = '*')
Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'
$root = [IO.Path]::GetFullPath("$PSScriptRoot/..")
Import-Module $Pester
# These know nothing of backends: they ran on the host.
$others = 'Completion', 'Help', 'Import-PatchCommand', 'Launcher', 'Package', 'Resolve-PatchSymbol', 'Session'
$configuration = New-PesterConfiguration
$configuration.Run.PassThru = $true
$configuration.Output.Verbosity = 'None'
$container = Get-Item "$root/tests/$Files.Tests.ps1" | Where-Object { $_.Name.Replace('.Tests.ps1', '') -notin $others }
Set-StrictMode -Off
$ErrorActionPreference = 'Continue'
if ($Backend -ne 'Auto') { $global:PSDefaultParameterValues['*:Backend'] = $Backend }
foreach ($file in $container) {
    $configuration.Run.Path = $file.FullName
    $run = Invoke-Pester -Configuration $configuration
    foreach ($test in $run.Tests) {
        $isOk = $test.Result -in 'Passed', 'Skipped'
        "$(if ($isOk) { 'ok' } else { 'not ok' }) - $Backend, $($test.ExpandedPath)$(if ($test.Result -eq 'Skipped') { ' # SKIP' })"
        foreach ($problem in $test.ErrorRecord) { "    $problem`n    $($problem.ScriptStackTrace)" }
    }
    foreach ($block in @($run.FailedBlocks) + $run.FailedContainers) {
        "not ok - $Backend, set-up or tear-down in $($file.Name)"
        foreach ($problem in $block.ErrorRecord) { "    $problem" }
    }
    "# $($file.Name) with ${Backend}: $([int] $run.Duration.TotalSeconds) s"
}
