# Runs in a guest with the system calls, under our host: what one running thread feels of a patch by each backend, beside
# sleeping threads. hiccup measures it, in the guest's microseconds; bin/bench was made on the host.
Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'
$root = [IO.Path]::GetFullPath("$PSScriptRoot/..")
$bin = "$root/bin/bench"
$rounds = 25
[cultureinfo]::CurrentCulture = [cultureinfo]::InvariantCulture
$started = [Collections.Generic.List[Diagnostics.Process]]::new()
. "$root/tests/bench/support.ps1"

$row = '  {0,8}  {1,-7}  {2,12} {3,9}  {4,12} {5,9}'
Write-Line ($row -f 'sleepers', 'backend', 'longest gap', 'least', 'Pause', 'least')
try {
    $signaller = Start-Program /bin/sh
    foreach ($sleepers in 1, 16, 128, 512) {
        $hiccup = Start-Hiccup $sleepers
        $gap = @{}
        $turn = 0
        foreach ($backend in 'Kernel', 'Ptrace') {
            $gap[$backend] = [Collections.Generic.List[double]]::new()
            $pause = [Collections.Generic.List[double]]::new()
            foreach ($round in 1..$rounds) {
                # One that is below another is in force already: what is there goes first.
                $null = Undo-LivePatch $hiccup.Id -All -Confirm:$false
                $plug = "$bin/plug.so"
                $felt = Measure-Felt $hiccup { Invoke-LivePatch $hiccup.Id $plug -Backend $backend }
                if (-not $felt.Changed) { throw 'The patch changed nothing.' }
                $gap[$backend].Add($felt.Longest)
                $pause.Add($felt.Result.Pause.TotalMicroseconds)
            }
            Write-Line ($row -f $sleepers, $backend, (Get-Median $gap[$backend]), (Get-Quantile $gap[$backend] 0),
                (Get-Median $pause), (Get-Quantile $pause 0))
        }
        Stop-Program $hiccup.Process
        $isBetter = (Get-Median $gap.Kernel) -lt (Get-Median $gap.Ptrace)
        Write-Line "$(if ($isBetter) { 'ok' } else { 'not ok' }) - the kernel's gap is the shorter one with $sleepers sleepers"
    }
}
finally {
    foreach ($process in $started.ToArray()) { Stop-Program $process }
}
