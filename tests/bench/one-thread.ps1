# A target of one thread: what it feels of the first patch of a fresh process and of a later one in a warm session,
# beside one stop by floor.

# Cost, stopped, longest and quiet are what hiccup felt; the pauses are what Pannus says of itself. Cost is all that hiccup was
# held, less what it was held by a patch that is only planned: with it comes what ticks and the host happen to take meanwhile,
# which in the first patch of a process is more than the patch. Stopped is the time in which hiccup's thread was stopped.
function New-Sample {
    $sample = @{}
    foreach ($name in 'Cost', 'Stopped', 'Longest', 'Quiet', 'LoadPause', 'Pause', 'FloorCost', 'FloorStopped', 'FloorLongest', 'Min', 'Median') {
        $sample[$name] = [Collections.Generic.List[double]]::new()
    }
    $sample
}

function Add-Round($Sample, $Hiccup, [int] $Round, [scriptblock] $Patch, [scriptblock] $Plan) {
    Invoke-ByTurns $Round {
        # To plan alone takes as much of the processor: what is left is the patch.
        $still = Measure-Felt $Hiccup $Plan
        $felt = Measure-Felt $Hiccup $Patch
        if (-not $felt.Changed) { throw 'The patch changed nothing.' }
        $Sample.Cost.Add($felt.Held - $still.Held)
        $Sample.Stopped.Add($felt.Stopped)
        $Sample.Longest.Add($felt.Longest)
        $Sample.Quiet.Add($still.Longest)
        $Sample.LoadPause.Add($felt.Result[0])
        $Sample.Pause.Add($felt.Result[1])
    } {
        $felt = Measure-Cost $Hiccup { Invoke-Floor $Hiccup 1 }
        $Sample.FloorCost.Add($felt.Cost)
        $Sample.FloorStopped.Add($felt.Stopped)
        $Sample.FloorLongest.Add($felt.Longest)
        $stops = Invoke-Floor $Hiccup 15
        $Sample.Min.Add($stops.Min)
        $Sample.Median.Add($stops.Median)
    }
}

function Write-Sample([string] $Title, $Sample, [string] $Quiet) {
    Add-Figure "$Title, stopped" us $Sample.Stopped 'floor, stopped' $Sample.FloorStopped
    Add-Figure "$Title, held" us $Sample.Cost 'floor, held' $Sample.FloorCost
    Add-Figure "$Title, longest gap" us $Sample.Longest 'floor, longest gap' $Sample.FloorLongest
    Add-Figure "$Title, longest gap" us $Sample.Longest $Quiet $Sample.Quiet
    Add-Figure "$Title, held" us $Sample.Cost 'floor, median stop' $Sample.Median
    Add-Figure "$Title, LoadPause" us $Sample.LoadPause 'floor, median stop' $Sample.Median
    Add-Figure "$Title, Pause" us $Sample.Pause 'floor, median stop' $Sample.Median
    Add-Figure "$Title, Pause" us $Sample.Pause 'floor, shortest stop' $Sample.Min
}

# A process of ours that is given its commands line by line.
function Start-Session {
    # A terminal's escape sequences would come between the lines.
    $env:TERM = 'dumb'
    $session = Start-Program $shell[0] (@($shell | Select-Object -Skip 1) + ('-NoProfile', '-NoLogo', '-Command', '-'))
    $null = Invoke-Session $session "Import-Module '$root/Pannus.psd1'"
    $session
}

function Invoke-Session($Session, [string] $Text) {
    $Session.StandardInput.WriteLine("$Text; 'end of output'")
    $Session.StandardInput.Flush()
    while (($line = $Session.StandardOutput.ReadLine()) -ne 'end of output') {
        if ($null -eq $line) { throw "pwsh has ended at $Text" }
        $line
    }
}

Write-Heading 'One thread'
# The first patch of a process, which has started and has done nothing yet. Its start, and what it finds and compiles before it
# stops anything, keep every processor busy that they can get: the target has one to itself, and feels the patch alone.
$sample = New-Sample
foreach ($round in 1..$rounds) {
    $hiccup = Start-Hiccup 0
    Set-Apart $hiccup
    $patching = Start-Session
    $planning = Start-Session
    [Threading.Thread]::Sleep(300)
    $arguments = "$($hiccup.Id) '$bin/plug.so' -ErrorAction Stop"
    Add-Round $sample $hiccup $round {
        $text = "Invoke-LivePatch $arguments | % { `$_.LoadPause.TotalMicroseconds; `$_.Pause.TotalMicroseconds }"
        Invoke-Session $patching $text | ForEach-Object { [double] $_ }
    } { Invoke-Session $planning "Test-LivePatch $arguments" }
    foreach ($process in $patching, $planning, $hiccup.Process) { Stop-Program $process }
}
Set-Processors $processors
Write-Sample 'fresh process' $sample 'patch only planned'

$sample = New-Sample
$hiccup = Start-Hiccup 0
foreach ($round in -4..$rounds) {
    $used = if ($round -gt 0) { $sample } else { New-Sample } # the first few warm the session up
    Add-Round $used $hiccup $round {
        $result = Invoke-LivePatch $hiccup.Id "$bin/plug.so"
        $result.LoadPause.TotalMicroseconds
        $result.Pause.TotalMicroseconds
    } { Test-LivePatch $hiccup.Id "$bin/plug.so" }
    Undo-Plug $hiccup
}
Stop-Program $hiccup.Process
Write-Sample 'warm session' $sample 'patch only planned'
