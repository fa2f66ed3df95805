# Names to addresses in a program of a million symbols, beside nm, which lists them all. The first time reads the symbol
# table, which is in the page cache for both; later ones of a session know the names by the file's identity, which a new
# time of last change makes another one.

$file = "$bin/million"
$null = Invoke-Native make '-s', '-C', $PSScriptRoot, "OUT=$bin", $file
$program = Start-Program $file
$names = foreach ($index in 0..999) { 'symbol_{0:0000000}' -f ($index * 997) }

function Measure-Names([string[]] $Wanted) {
    Measure-Wall {
        $found = @(Resolve-PatchSymbol $program.Id $Wanted).Count
        if ($found -ne $Wanted.Count) { throw "Resolve-PatchSymbol found only $found names." }
    }
}

Write-Heading 'Resolver: a program of 1,000,000 symbols'
$oneFirst, $oneAgain, $allFirst, $allAgain, $nm = 1..5 | ForEach-Object { , [Collections.Generic.List[double]]::new() }
foreach ($round in -1..$rounds) {
    $times = foreach ($wanted in @($names[500]), $names) {
        [IO.File]::SetLastWriteTimeUtc($file, [DateTime]::UtcNow)
        Measure-Names $wanted
        Measure-Names $wanted
    }
    $listed = Measure-Wall { Invoke-Native sh '-c', "nm '$file' > /dev/null" }
    if ($round -le 0) { continue } # the first few warm the session up
    $oneFirst.Add($times[0])
    $oneAgain.Add($times[1])
    $allFirst.Add($times[2])
    $allAgain.Add($times[3])
    $nm.Add($listed)
}
Stop-Program $program
Add-Figure 'one name, first time' ms $oneFirst nm $nm
Add-Figure 'one name, again' ms $oneAgain nm $nm
Add-Figure '1,000 names, first time' ms $allFirst nm $nm
Add-Figure '1,000 names, again' ms $allAgain nm $nm
