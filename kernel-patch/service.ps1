# Runs in a guest with the system calls: a busy service (tests/targets/invariants.c), whose threads run, sleep,
# wake, are born and fork, is patched and undone over and over by the Kernel backend, and checks itself all the time.
Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'
$targets = [IO.Path]::GetFullPath("$PSScriptRoot/../bin/tests/targets/default")
$commands = [IO.Path]::GetFullPath("$PSScriptRoot/../tests/targets/patches")
$rounds = 20

function Test-That([string] $What, [bool] $Holds) {
    $Host.UI.WriteLine("$(if ($Holds) { 'ok' } else { 'not ok' }) - a busy service: $What")
}

function Get-Value {
    $service.StandardInput.WriteLine('value')
    $service.StandardInput.Flush()
    $service.StandardOutput.ReadLine()
}

$start = [Diagnostics.ProcessStartInfo]::new("$targets/invariants", '2')
$start.RedirectStandardInput = $start.RedirectStandardOutput = $true
$service = [Diagnostics.Process]::Start($start)
try {
    $null = $service.StandardOutput.ReadLine()
    $right = $attempts = 0
    foreach ($round in 1..$rounds) {
        $name, $version = if ($round % 2) { 'a', 2 } else { 'b', 3 }
        $patch = "$targets/patches/invariants-$name"
        $result = Invoke-LivePatch $service.Id "$patch.so" '' "$commands/invariants-$name.cmd" -Backend Kernel -Timeout 120
        $attempts += $result.Attempts
        $right += (Get-Value) -eq "value $version"
        $null = Undo-LivePatch $service.Id -All -Backend Kernel -Timeout 120 -Confirm:$false
        $right += (Get-Value) -eq 'value 1'
    }
    Test-That "runs what it should after each of $(2 * $rounds) changes ($attempts stops to patch)" ($right -eq 2 * $rounds)
    $service.StandardInput.WriteLine('quit')
    $service.StandardInput.Flush()
    $counts = $service.StandardOutput.ReadToEnd()
    $service.WaitForExit()
    $Host.UI.WriteLine('# ' + $counts.Trim().Replace("`n", ', '))
    Test-That 'no caller has seen half a change' ($service.ExitCode -eq 0 -and $counts -match '(?m)^failed 0$')
}
finally { if (-not $service.HasExited) { $service.Kill() } }
