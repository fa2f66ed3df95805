# One patch of 1,000 functions beside one of a single function, and what floor takes longer for 1,000 writes than for one.

Write-Heading 'Many functions'
$oneStop, $oneGap, $allStop, $allGap, $allWall, $planWall, $floorOne, $floorAll = 1..8 |
    ForEach-Object { , [Collections.Generic.List[double]]::new() }
$hiccup = Start-Hiccup 0 hiccup-many many_000
foreach ($round in -2..$rounds) {
    $one = Measure-Felt $hiccup { Invoke-LivePatch $hiccup.Id "$bin/plug.so" }
    Undo-Plug $hiccup
    $floor = Invoke-Floor $hiccup 5
    $floorMany = Invoke-Floor $hiccup 5 1000
    $plan = Measure-Wall { Test-LivePatch $hiccup.Id "$bin/many-plug.so" }
    $all = Measure-Felt $hiccup { Invoke-LivePatch $hiccup.Id "$bin/many-plug.so" }
    Undo-Plug $hiccup
    if (-not ($one.Changed -and $all.Changed)) { throw 'The patch changed nothing.' }
    if ($round -le 0) { continue } # the first few warm the session up
    $oneStop.Add($one.Result.Pause.TotalMicroseconds)
    $oneGap.Add($one.Longest)
    $allStop.Add($all.Result.Pause.TotalMicroseconds)
    $allGap.Add($all.Longest)
    $allWall.Add($all.Elapsed.TotalMilliseconds)
    $planWall.Add($plan)
    $floorOne.Add($floor.Median)
    $floorAll.Add($floorMany.Median)
}
Stop-Program $hiccup.Process
$bytes = (Get-Median $floorAll) - (Get-Median $floorOne)
Add-Figure '1,001 jumps, Pause' us $allStop '1 jump + floor, bytes' ($oneStop | ForEach-Object { $_ + $bytes })
Add-Figure '1,001 jumps, longest gap' us $allGap '1 jump + floor, bytes' ($oneGap | ForEach-Object { $_ + $bytes })
Add-Figure '1,001 jumps, Pause' us $allStop 'floor, 1,000 writes' $floorAll
Add-Figure '1,001 jumps, Invoke-LivePatch' ms $allWall 'only planned' $planWall
