# What is done in the patcher's own process, by BenchmarkDotNet: time, and what it allocates.

Write-Heading 'In process'
$null = Invoke-Native make '-s', '-C', $PSScriptRoot, "OUT=$bin", "$bin/million"
$env:PANNUS_BENCH = $bin
$lines = Invoke-Native dotnet 'run', '--project', "$PSScriptRoot/in-process", '-c', 'Release'
$env:PANNUS_BENCH = $null
foreach ($line in $lines) {
    $what, $bytes, $values = "$line".Split("`t")
    if ($null -eq $values) { continue }
    [double[]] $times = $values.Split(' ')
    Add-Figure "$what, in process" us ($times | ForEach-Object { $_ / 1000 })
    Add-Figure "$what, allocated" B ([double] $bytes)
}
