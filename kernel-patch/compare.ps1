# Runs in a guest with the system calls: what one running thread feels of a patch by each backend, beside
# sleeping threads. hiccup measures it, in microseconds of the guest; bin/bench was made on the host. The thread that runs
# has a processor for itself, and we the other. Figures are shown and not judged: emulated processors share those of a host
# that has more to do.
Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'
$root = [IO.Path]::GetFullPath("$PSScriptRoot/..")
$bin = "$root/bin/bench"
$rounds = 15
[cultureinfo]::CurrentCulture = [cultureinfo]::InvariantCulture
$started = [Collections.Generic.List[Diagnostics.Process]]::new()
. "$root/tests/bench/support.ps1"

$row = '  {0,8}  {1,-7}  {2,11} {3,8}  {4,11} {5,8}  {6,11} {7,8}'
Write-Line ($row -f 'sleepers', 'backend', 'longest gap', 'least', 'idle gap', 'least', 'Pause', 'least')
try {
    $null = Invoke-Native taskset '-ap', 1, $PID
    $signaller = Start-Program /bin/sh
    foreach ($sleepers in 1, 16, 128, 512) {
        $hiccup = Start-Hiccup $sleepers
        $null = Invoke-Native taskset '-ap', 3, $hiccup.Id
        $null = Invoke-Native taskset '-p', 2, $hiccup.Id
        $felt = @{}
        foreach ($backend in 'Kernel', 'Ptrace') {
            $felt[$backend] = 1..3 | ForEach-Object { , [Collections.Generic.List[double]]::new() }
        }
        $applied = 0
        foreach ($turn in 1..(2 * $rounds)) {
            $backend = ('Kernel', 'Ptrace')[$turn % 2]
            # One that is below another is in force already: what is there goes first.
            $null = Undo-LivePatch $hiccup.Id -All -Confirm:$false
            $round = Measure-Felt $hiccup { Invoke-LivePatch $hiccup.Id "$bin/plug.so" -Backend $backend -Timeout 60 }
            $idle = Measure-Felt $hiccup { [Threading.Thread]::Sleep(50) }
            $applied += $round.Changed -and $round.Result.Backend -eq $backend
            $gap, $quiet, $pause = $felt[$backend]
            $gap.Add($round.Longest)
            $quiet.Add($idle.Longest)
            $pause.Add($round.Result.Pause.TotalMicroseconds)
        }
        foreach ($backend in 'Kernel', 'Ptrace') {
            $figures = $felt[$backend] | ForEach-Object { (Get-Median $_), (Get-Quantile $_ 0) }
            Write-Line ($row -f (@($sleepers, $backend) + $figures.ForEach{ $_.ToString('0.0') }))
        }
        Stop-Program $hiccup.Process
        $isAll = $applied -eq 2 * $rounds
        Write-Line "$(if ($isAll) { 'ok' } else { 'not ok' }) - both backends patch beside $sleepers sleepers, $rounds times each"
    }
}
finally {
    foreach ($process in $started.ToArray()) { Stop-Program $process }
}
