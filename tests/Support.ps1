# What the test files share: the sample, built; its target, started, listened to, and stopped.

# Builds the sample with variables of make, and gives the directory.
function New-Sample([string] $Folder, [string[]] $Variables) {
    $directory = [IO.Path]::GetFullPath("$PSScriptRoot/../bin/tests/$Folder")
    & make -s -C "$PSScriptRoot/../src/sample" "OUT=$directory" @Variables
    if ($LASTEXITCODE -ne 0) { throw 'The sample could not be built.' }
    $directory
}

$sample = New-Sample sample

$targets = [IO.Path]::GetFullPath("$PSScriptRoot/../bin/tests/targets/default")
& make -s -C "$PSScriptRoot/targets" "OUT=$targets" "$targets/stuck" "$targets/patches/stuck.so"
if ($LASTEXITCODE -ne 0) { throw 'The targets could not be built.' }

$patch = "$sample/patch.so"
$commands = "$sample/pannus.cmd"

# What a target prints, in sorted order, before and after the sample's patch.
$unpatched = 'func_J of target.', 'func_L of target.', 'str_P of target.', 'str_V of target.'
$patched = 'func_J of plug.', 'func_L of plug. It sees: str_V of plug. func_J of plug.', 'str_P of plug.', 'str_V of plug.'

# No process has this id: it is above the kernel's highest.
$noSuchId = 5000000

$started = [Collections.Generic.List[Diagnostics.Process]]::new()

# Starts a target and waits until it runs.
function Start-Target([int] $Interval = 20, [string] $Directory = $sample) {
    $log = "$TestDrive/$([guid]::NewGuid()).log"
    # The shell becomes the target: one process, whose output nobody needs to read for it to go on.
    [string[]] $arguments = '-c', 'exec "$0" "$1" > "$2"', "$Directory/target", $Interval, $log
    $process = [Diagnostics.Process]::Start('/bin/sh', $arguments)
    $started.Add($process)
    Wait-Until { [IO.File]::Exists($log) -and [IO.FileInfo]::new($log).Length -gt 0 }
    [pscustomobject]@{ Id = $process.Id; Process = $process; Log = $log }
}

# Starts a target whose thread stays on the first bytes of its function `stuck`.
function Start-StuckTarget {
    $start = [Diagnostics.ProcessStartInfo]::new("$targets/stuck")
    $start.RedirectStandardInput = $start.RedirectStandardOutput = $true
    $process = [Diagnostics.Process]::Start($start)
    $started.Add($process)
    $null = $process.StandardOutput.ReadLine()
    [pscustomobject]@{ Id = $process.Id; Process = $process }
}

function Stop-Target {
    foreach ($process in $started) {
        if (-not $process.HasExited) { $process.Kill() }
        $process.WaitForExit()
    }
    $started.Clear()
}

# The lines that a target prints from now on, each once, in sorted order.
function Get-Output($Target) {
    $seen = [IO.File]::ReadAllLines($Target.Log).Count
    Wait-Until { [IO.File]::ReadAllLines($Target.Log).Count -gt $seen + 12 }
    $lines = [IO.File]::ReadAllLines($Target.Log)
    # The first may have been on its way before, the last may be half a line.
    [string[]] $new = [Linq.Enumerable]::Distinct([string[]] $lines[($seen + 1)..($lines.Count - 2)])
    [Array]::Sort($new, [StringComparer]::Ordinal)
    $new
}

function Wait-Until([scriptblock] $Condition) {
    $clock = [Diagnostics.Stopwatch]::StartNew()
    while (-not (& $Condition)) {
        if ($clock.Elapsed.TotalSeconds -gt 20) { throw "Waited too long for: $Condition" }
        [Threading.Thread]::Sleep(5)
    }
}

# The error that a command ends with.
function Get-Refusal([scriptblock] $Command) {
    $ErrorActionPreference = 'Stop'
    try { $null = & $Command }
    catch { return $_ }
    throw "Not refused: $Command"
}

# This shell as a command. One that is a tool of dotnet has no runtime of its own.
function Get-Shell { if (Test-Path "$PSHOME/libcoreclr.so") { "$PSHOME/pwsh" } else { 'dotnet', "$PSHOME/pwsh.dll" } }

# What Tab offers at the end of a line.
function Get-Completion([string] $Line) {
    [Management.Automation.CommandCompletion]::CompleteInput($Line, $Line.Length, $null).CompletionMatches
}
