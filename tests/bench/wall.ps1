# How long a person waits: the sample's patch, the program's start, the list of targets.

$sampleFolder = "$bin/sample"
$null = Invoke-Native make '-s', '-C', "$root/src/sample", "OUT=$sampleFolder"

function Start-Sample([string] $Name) {
    $process = Start-Program "$sampleFolder/$Name" 10
    $null = $process.StandardOutput.ReadLine()
    $process
}

Write-Heading 'Wall time'
$patch, $restart, $start, $once, $dotnet = 1..5 | ForEach-Object { , [Collections.Generic.List[double]]::new() }
foreach ($round in -2..$rounds) {
    $target = Start-Sample target
    $files = "$sampleFolder/patch.so", "$sampleFolder/target.map", "$sampleFolder/pannus.cmd"
    $applied = Measure-Wall {
        $result = Invoke-LivePatch $target.Id @files
        if ($result.Status -ne 'Applied') { throw "The patch is $($result.Status)." }
    }
    $restarted = Measure-Wall {
        Stop-Program $target
        $fresh = Start-Sample target-new
        $null = $fresh
    }
    Stop-Program $started[$started.Count - 1]
    if ($round -le 0) { continue }
    $patch.Add($applied)
    $restart.Add($restarted)

    $target = Start-Sample target
    Invoke-ByTurns $round {
        $start.Add((Measure-Wall { Invoke-Native $pannus '-Command', '1' }))
        $once.Add((Measure-Wall {
            Invoke-Native $pannus '-Command', "Invoke-LivePatch $($target.Id) $files -ErrorAction Stop" }))
    } { $dotnet.Add((Measure-Wall { Invoke-Native dotnet '--version' })) }
    Stop-Program $target
}
Add-Figure 'Invoke-LivePatch, warm session' ms $patch 'restart of the sample' $restart
Add-Figure 'pannus -Command 1' ms $start 'dotnet --version' $dotnet
Add-Figure 'pannus -Command Invoke-LivePatch' ms $once 'pannus -Command 1' $start

$sleepers = 1000
foreach ($index in 1..$sleepers) { $null = Start-Program sleep 600 }
$list, $maps = 1..2 | ForEach-Object { , [Collections.Generic.List[double]]::new() }
foreach ($round in 1..$rounds) {
    Invoke-ByTurns $round {
        $found = @(Get-PatchTarget).Count # unmeasured, lest the first be charged with what it compiles
        if ($found -lt $sleepers) { throw "Get-PatchTarget found only $found processes." }
        $list.Add((Measure-Wall { Get-PatchTarget }))
    } { $maps.Add((Measure-Wall { sh -c 'cat /proc/[0-9]*/maps 2> /dev/null' })) }
}
foreach ($process in $started.ToArray()) {
    if ($process.StartInfo.FileName -eq 'sleep') { Stop-Program $process }
}
Add-Figure "Get-PatchTarget, $sleepers sleepers" ms $list 'cat /proc/*/maps' $maps
