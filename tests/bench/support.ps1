# What the parts share: processes, hiccup's reports, medians, and the table of figures.

# This shell as a command. One that is a tool of dotnet has no runtime of its own.
[string[]] $shell = if (Test-Path "$PSHOME/libcoreclr.so") { "$PSHOME/pwsh" } else { 'dotnet', "$PSHOME/pwsh.dll" }

function Write-Line([string] $Text = '') { $Host.UI.WriteLine($Text) }

function Start-Program([string] $Path, [string[]] $Arguments) {
    $start = [Diagnostics.ProcessStartInfo]::new($Path)
    foreach ($argument in $Arguments) { $start.ArgumentList.Add($argument) }
    $start.RedirectStandardInput = $start.RedirectStandardOutput = $true
    $process = [Diagnostics.Process]::Start($start)
    $started.Add($process)
    $process
}

function Stop-Program($Process) {
    $Process.Kill()
    $Process.WaitForExit()
    $null = $started.Remove($Process)
}

# What a native command prints; the bench ends when it fails.
function Invoke-Native([string] $Path, [string[]] $Arguments) {
    $output = & $Path @Arguments 2>&1
    if ($LASTEXITCODE -ne 0) { throw "$Path $Arguments failed with exit code ${LASTEXITCODE}: $output" }
    $output
}

# Milliseconds that a command takes.
function Measure-Wall([scriptblock] $Action) {
    $clock = [Diagnostics.Stopwatch]::StartNew()
    $null = & $Action
    $clock.Elapsed.TotalMilliseconds
}

# hiccup, or another build of it, and where floor writes: at its first function.
function Start-Hiccup([int] $Sleeping, [string] $Program = 'hiccup', [string] $Function = 'func_J') {
    $process = Start-Program "$bin/$Program" $Sleeping, 0
    $null = $process.StandardOutput.ReadLine()
    $null = $process.StandardOutput.ReadLine()
    $address = (Resolve-PatchSymbol $process.Id $Function).Address
    @{ Id = $process.Id; Process = $process; Address = $address.ToString('x') }
}

# Gives one of the processors to hiccup and the others to this process and what it starts from now on; where there is only
# one, they share it.
function Set-Apart($Hiccup) {
    if (($processors -band ($processors - 1)) -eq 0) { return }
    Set-Processors ($processors -band ($processors - 1))
    $null = Invoke-Native taskset '-p', ('{0:x}' -f ($processors -band -$processors)), $Hiccup.Id
}

# All threads of this process.
function Set-Processors([long] $Mask) { $null = Invoke-Native taskset '-a', '-p', ('{0:x}' -f $Mask), $PID }

# Asks hiccup what it felt since it was last asked.
function Read-Hiccup($Hiccup) {
    $signaller.StandardInput.WriteLine("kill -USR1 $($Hiccup.Id)")
    $signaller.StandardInput.Flush()
    $changed = $false
    while ($null -ne ($line = $Hiccup.Process.StandardOutput.ReadLine())) {
        if ($line -match '^longest_us (\S+) held_us (\S+) stopped_us (\S+)') {
            return @{ Longest = [double] $Matches[1]; Held = [double] $Matches[2]; Stopped = [double] $Matches[3]; Changed = $changed }
        }
        $changed = $true
    }
    throw 'hiccup has exited.'
}

# What hiccup feels while a command runs, in microseconds, and what the command returns.
function Measure-Felt($Hiccup, [scriptblock] $Action) {
    $null = Read-Hiccup $Hiccup
    # Whoever reads the report may have taken the processor from hiccup in its print, which it leaves out of its time.
    [Threading.Thread]::Sleep(3)
    $clock = [Diagnostics.Stopwatch]::StartNew()
    $result = & $Action
    $elapsed = $clock.Elapsed
    $felt = Read-Hiccup $Hiccup
    # hiccup may have called its function just before it was held, and see the new one only after this report.
    if (-not $felt.Changed) { $felt.Changed = (Read-Hiccup $Hiccup).Changed }
    $felt.Elapsed = $elapsed
    $felt.Result = $result
    $felt
}

# The same less what hiccup feels in an interval of that length while nothing is done to it.
function Measure-Cost($Hiccup, [scriptblock] $Action) {
    $felt = Measure-Felt $Hiccup $Action
    $still = Measure-Felt $Hiccup { [Threading.Thread]::Sleep($felt.Elapsed) }
    $felt.Cost = $felt.Held - $still.Held
    $felt
}

# Stops hiccup as often as told; microseconds that the stops took.
function Invoke-Floor($Hiccup, [int] $Rounds, [int] $Writes = 1) {
    $line = Invoke-Native "$bin/floor" $Hiccup.Id, $Hiccup.Address, $Rounds, $Writes
    if ("$line" -notmatch 'min_us (\S+) median_us (\S+)') { throw "floor said: $line" }
    @{ Min = [double] $Matches[1]; Median = [double] $Matches[2] }
}

# Each round patches a program that is as it was built.
function Undo-Plug($Hiccup) { $null = Undo-LivePatch $Hiccup.Id -All -Confirm:$false }

# Runs two commands that answer one another, the first first in every other round.
function Invoke-ByTurns([int] $Round, [scriptblock] $OurTurn, [scriptblock] $TheirTurn) {
    if ($Round % 2) { & $OurTurn; & $TheirTurn } else { & $TheirTurn; & $OurTurn }
}

# Of sorted values, the one below which a share of them lies.
function Get-Quantile([double[]] $Values, [double] $Share) {
    $sorted = [double[]] $Values.Clone()
    [Array]::Sort($sorted)
    $sorted[[int] [Math]::Floor(($sorted.Length - 1) * $Share)]
}

function Get-Median([double[]] $Values) { Get-Quantile $Values 0.5 }

function Write-Heading([string] $Text) {
    Write-Line
    Write-Line $Text
    Write-Line ($row -f '', 'unit', 'median', 'min', 'p90', 'beside', 'median', 'ratio', 'rounds')
}

function Format-Number($Figure, [string] $Name) {
    $format = if ($Figure.unit -eq 'ns' -or $Name -eq 'ratio') { '0.00' } else { '0.0' }
    if ($null -eq $Figure[$Name]) { '-' } else { $Figure[$Name].ToString($format) }
}

# A line of the table, and of results.json: ours beside a reference that was measured by turns with it.
function Add-Figure([string] $What, [string] $Unit, [double[]] $Ours, [string] $Beside = '', [double[]] $Theirs) {
    $figure = [ordered] @{
        part = $part; what = $What; unit = $Unit; rounds = $Ours.Length
        median = Get-Median $Ours; min = Get-Quantile $Ours 0; p90 = Get-Quantile $Ours 0.9
        beside = $Beside; reference = $null; ratio = $null
    }
    if ($Theirs) {
        $figure.reference = Get-Median $Theirs
        if ($figure.reference -gt 0) { $figure.ratio = $figure.median / $figure.reference }
    }
    $figures.Add($figure)
    $shown = 'median', 'min', 'p90', 'reference', 'ratio' | ForEach-Object { Format-Number $figure $_ }
    Write-Line ($row -f $What, $Unit, $shown[0], $shown[1], $shown[2], $Beside, $shown[3], $shown[4], $Ours.Length)
}
