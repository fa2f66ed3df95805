# Many sleeping threads: the longest gap that the one running thread feels, of a patch, of floor, and of gdb, which
# attaches, writes a byte over itself and detaches.

$hasGdb = [bool] (Get-Command gdb -ErrorAction Ignore)
$gdbRounds = 3

function Invoke-Gdb($Hiccup) {
    $write = 'set var *(char *)&str_V = *(char *)&str_V'
    $quiet = 'set debuginfod enabled off'
    Invoke-Native gdb '-batch', '-nx', '-iex', $quiet, '-p', $Hiccup.Id, '-ex', $write, '-ex', 'detach'
}

Write-Heading 'Sleeping threads'
foreach ($threads in 0, 16, 128, 1024) {
    $ours, $theirs, $gdb, $pause, $stop, $undo = 1..6 | ForEach-Object { , [Collections.Generic.List[double]]::new() }
    $hiccup = Start-Hiccup $threads
    $null = Invoke-LivePatch $hiccup.Id "$bin/plug.so"
    foreach ($round in -9..$rounds) {
        $felt = Measure-Felt $hiccup { Undo-Plug $hiccup }
        if ($round -gt 0) { $undo.Add($felt.Longest) }
        if ($round -le 0) { # the first few warm the session up: what .NET compiles again then takes the runner's processor
            $null = Invoke-LivePatch $hiccup.Id "$bin/plug.so"
            continue
        }
        Invoke-ByTurns $round {
            $felt = Measure-Felt $hiccup { Invoke-LivePatch $hiccup.Id "$bin/plug.so" }
            if (-not $felt.Changed) { throw 'The patch changed nothing.' }
            $ours.Add($felt.Longest)
            $pause.Add($felt.Result.Pause.TotalMicroseconds)
        } {
            $felt = Measure-Felt $hiccup { Invoke-Floor $hiccup 1 }
            $theirs.Add($felt.Longest)
            $stop.Add($felt.Result.Median)
        }
        if ($hasGdb -and $round -le $gdbRounds) { $gdb.Add((Measure-Felt $hiccup { Invoke-Gdb $hiccup }).Longest) }
    }
    Stop-Program $hiccup.Process
    Add-Figure "$threads threads, longest gap" us $ours 'floor, longest gap' $theirs
    # Pause leaves out what sleepers are held, and floor's own figure does not: its stop stands beside nothing of ours.
    Add-Figure "$threads threads, Pause" us $pause 'floor, longest gap' $theirs
    Add-Figure "floor: $threads threads, whole stop" us $stop
    Add-Figure "$threads threads, longest gap of undo" us $undo 'floor, longest gap' $theirs
    if ($hasGdb) { Add-Figure "$threads threads, longest gap" us $ours "gdb, $gdbRounds rounds" $gdb }
    $plot.Add(@{ Threads = $threads; Pannus = Get-Median $ours; Floor = Get-Median $theirs
        Gdb = if ($hasGdb) { Get-Median $gdb } })
}
