# Cost of a call: of a function as it was built, of a patched one, and of one behind the PLT.

$null = Invoke-Native make '-s', '-C', $PSScriptRoot, "OUT=$bin", "$bin/calls", "$bin/calls-plug.so"

# Nanoseconds per call of each, and the result, which tells whether the function is patched.
function Measure-Call($Process, [int] $Result) {
    $Process.StandardInput.Write('.')
    $Process.StandardInput.Flush()
    $line = $Process.StandardOutput.ReadLine()
    if ($line -notmatch "own (\S+) plt (\S+) result $Result") { throw "calls said: $line" }
    @{ Own = [double] $Matches[1]; Plt = [double] $Matches[2] }
}

Write-Heading 'Cost of a call'
$built = Start-Program "$bin/calls"
$plugged = Start-Program "$bin/calls"
$null = Measure-Call $plugged 1 # not patched yet
$null = Invoke-LivePatch $plugged.Id "$bin/calls-plug.so"
$own, $patched, $plt = 1..3 | ForEach-Object { , [Collections.Generic.List[double]]::new() }
foreach ($round in 1..$rounds) {
    Invoke-ByTurns $round {
        $patched.Add((Measure-Call $plugged 2).Own)
    } {
        $cost = Measure-Call $built 1
        $own.Add($cost.Own)
        $plt.Add($cost.Plt)
    }
}
Stop-Program $built
Stop-Program $plugged
Add-Figure 'patched function' ns $patched 'as built' $own
Add-Figure 'patched function' ns $patched 'through the PLT' $plt
