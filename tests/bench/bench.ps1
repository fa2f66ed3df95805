<#
.SYNOPSIS
    Measures what a patch costs the target and the user, each figure beside a reference taken in the same run.
.DESCRIPTION
    Runs in pwsh after ./build.ps1 Build. Prints tables and writes results.json, results.md and
    pause.svg to bin/bench. Figures are medians over rounds in which ours and the reference take turns; a figure alone
    means nothing on another machine, the ratio does.
.PARAMETER Part
    What to measure, by commas: one-thread, ia32, threads, functions, resolver, in-process, wall, calls.
.PARAMETER Rounds
    Rounds of each figure.
#>
param(
    [string] $Part = 'one-thread,ia32,threads,functions,resolver,in-process,wall,calls',
    [int] $Rounds = 15
)
Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'
$root = [IO.Path]::GetFullPath("$PSScriptRoot/../..")
$bin = "$root/bin/bench"
$pannus = "$root/bin/pannus"
# Numbers with a point, in tables and JSON alike, and programs' messages in the words that are matched here.
[cultureinfo]::CurrentCulture = [cultureinfo]::InvariantCulture
if (-not (Get-Command Invoke-LivePatch -ErrorAction Ignore)) { Import-Module "$root/Pannus.psd1" }
foreach ($file in 'support', 'report') { . "$PSScriptRoot/$file.ps1" }

$started = [Collections.Generic.List[Diagnostics.Process]]::new()
$figures = [Collections.Generic.List[object]]::new()
$plot = [Collections.Generic.List[object]]::new()
$row = '  {0,-37} {1,-4} {2,9} {3,9} {4,9}  {5,-22} {6,9} {7,7} {8,6}'
$machine = Get-Machine
[long] $processors = [Diagnostics.Process]::GetCurrentProcess().ProcessorAffinity
foreach ($name in $machine.Keys) { Write-Line "${name}: $($machine[$name])" }
$null = Invoke-Native make '-s', '-C', $PSScriptRoot, "OUT=$bin"
try {
    $signaller = Start-Program /bin/sh
    foreach ($part in $Part -split ',') { . "$PSScriptRoot/$part.ps1" }
    Write-Line
    Write-Results "$bin/results.json"
    Write-Markdown "$bin/results.md"
    if ($plot.Count) { Write-Plot "$bin/pause.svg" }
}
finally {
    foreach ($process in $started.ToArray()) { Stop-Program $process }
}
