# Names to addresses in a program of a million symbols; nm is a process of its own each time, ours is a warm session.

$null = Invoke-Native make '-s', '-C', $PSScriptRoot, "OUT=$bin", "$bin/million"
$program = Start-Program "$bin/million"
$names = foreach ($index in 0..999) { 'symbol_{0:0000000}' -f ($index * 997) }
[IO.File]::WriteAllLines("$bin/names", [string[]] $names)
[IO.File]::WriteAllLines("$bin/names.cmd", [string[]] ($names | ForEach-Object { "V $_ 01" }))

Write-Heading 'Resolver: a program of 1,000,000 symbols'
$one, $many, $nmOne, $nmMany = 1..4 | ForEach-Object { , [Collections.Generic.List[double]]::new() }
$null = Resolve-PatchSymbol $program.Id $names[500]
$null = Test-LivePatch $program.Id "$bin/plug.so" '' "$bin/names.cmd"
foreach ($round in 1..$rounds) {
    Invoke-ByTurns $round {
        $one.Add((Measure-Wall { Resolve-PatchSymbol $program.Id $names[500] }))
        $many.Add((Measure-Wall { Test-LivePatch $program.Id "$bin/plug.so" '' "$bin/names.cmd" }))
    } {
        $nmOne.Add((Measure-Wall { Invoke-Native sh '-c', "nm -p '$bin/million' | grep -F -w '$($names[500])'" }))
        $nmMany.Add((Measure-Wall { Invoke-Native sh '-c', "nm -p '$bin/million' | grep -F -w -f '$bin/names'" }))
    }
}
# A name at a time: once, as it goes through the table for each.
$each = Measure-Wall { Resolve-PatchSymbol $program.Id $names[0..9] }
Stop-Program $program
Add-Figure 'one name, Resolve-PatchSymbol' ms $one 'nm -p | grep' $nmOne
Add-Figure '1,000 names, Test-LivePatch' ms $many 'nm -p | grep -f' $nmMany
Add-Figure '10 names, Resolve-PatchSymbol' ms $each 'nm -p | grep -f' $nmMany
