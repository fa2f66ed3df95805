# The sample compiled for IA-32 beside the same sample for x86-64: the pauses that Pannus says of itself, in a warm session.

function Start-Sample([string] $Option) {
    $directory = "$bin/sample$Option"
    $null = Invoke-Native make '-s', '-C', "$root/src/sample", "OUT=$directory", "CFLAGS=-O2 $Option"
    $process = Start-Program "$directory/target" 1000
    $null = $process.StandardOutput.ReadLine()
    @{
        Id = $process.Id; Process = $process; Directory = $directory
        LoadPause = [Collections.Generic.List[double]]::new(); Pause = [Collections.Generic.List[double]]::new()
    }
}

function Add-Pause($Sample, [int] $Round) {
    $result = Invoke-LivePatch $Sample.Id "$($Sample.Directory)/patch.so" '' "$($Sample.Directory)/pannus.cmd"
    $null = Undo-LivePatch $Sample.Id -All -Confirm:$false
    if ($Round -le 0) { return } # the first few warm the session up
    $Sample.LoadPause.Add($result.LoadPause.TotalMicroseconds)
    $Sample.Pause.Add($result.Pause.TotalMicroseconds)
}

Write-Heading 'IA-32'
$ia32 = Start-Sample '-m32'
$x64 = Start-Sample '-m64'
foreach ($round in -4..$rounds) { Invoke-ByTurns $round { Add-Pause $ia32 $round } { Add-Pause $x64 $round } }
foreach ($sample in $ia32, $x64) { Stop-Program $sample.Process }
Add-Figure 'IA-32 sample, LoadPause' us $ia32.LoadPause 'x86-64 sample' $x64.LoadPause
Add-Figure 'IA-32 sample, Pause' us $ia32.Pause 'x86-64 sample' $x64.Pause
