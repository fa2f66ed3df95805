# What is left of a run: the machine, the figures for programs and for people, and a plot of pause against threads.

function Get-Machine {
    $model = [IO.File]::ReadAllLines('/proc/cpuinfo') | Where-Object { $_.StartsWith('model name') }
    $arguments = [Environment]::GetCommandLineArgs()
    $words = [string]::Join(' ', $arguments, 1, $arguments.Length - 1)
    [ordered] @{
        command = "$([Environment]::ProcessPath) $words".Replace("$root/", '')
        date = [DateTime]::UtcNow.ToString('u')
        processor = @($model)[0].Split(':')[1].Trim()
        cores = [Environment]::ProcessorCount
        kernel = [IO.File]::ReadAllText('/proc/sys/kernel/osrelease').Trim()
        load = [IO.File]::ReadAllText('/proc/loadavg').Trim()
        runtime = [Runtime.InteropServices.RuntimeInformation]::FrameworkDescription
    }
}

function ConvertTo-JsonText([Collections.IDictionary] $Object) {
    $members = foreach ($key in $Object.Keys) {
        $value = $Object[$key]
        $text = if ($null -eq $value) { 'null' }
            elseif ($value -is [string]) { '"' + [Text.Json.JsonEncodedText]::Encode($value) + '"' }
            elseif ($value -is [double]) { $value.ToString('0.###') }
            else { "$value" }
        "`"$key`": $text"
    }
    "{ $($members -join ', ') }"
}

function Write-Results([string] $Path) {
    $lines = $figures | ForEach-Object { '    ' + (ConvertTo-JsonText $_) }
    $text = "{`n  `"machine`": $(ConvertTo-JsonText $machine),`n  `"figures`": [`n$($lines -join ",`n")`n  ]`n}`n"
    [IO.File]::WriteAllText($Path, $text)
    Write-Line "Written: $Path"
}

# The same for people: what was measured on which machine by which command.
function Write-Markdown([string] $Path) {
    $lines = [Collections.Generic.List[string]]::new()
    $lines.Add('# Benchmarks')
    $lines.Add('')
    foreach ($name in $machine.Keys) { $lines.Add("- ${name}: $($machine[$name])") }
    if ($plot.Count) {
        $lines.Add('')
        $lines.Add('![Longest gap felt by the running thread, against sleeping threads](pause.svg)')
    }
    foreach ($name in [Collections.Generic.HashSet[string]]::new([string[]] $figures.part)) {
        $lines.Add('')
        $lines.Add("## $name")
        $lines.Add('')
        $lines.Add('| figure | median | p90 | beside | median | ratio | rounds |')
        $lines.Add('| --- | ---: | ---: | --- | ---: | ---: | ---: |')
        foreach ($figure in $figures) {
            if ($figure.part -ne $name) { continue }
            $shown = 'median', 'p90', 'reference', 'ratio' | ForEach-Object { Format-Number $figure $_ }
            $lines.Add(('| {0} | {1} {2} | {3} | {4} | {5} | {6} | {7} |' -f $figure.what, $shown[0], $figure.unit, $shown[1],
                $figure.beside, $shown[2], $shown[3], $figure.rounds))
        }
    }
    [IO.File]::WriteAllLines($Path, $lines)
    Write-Line "Written: $Path"
}

# Both axes grow by factors: threads by place, microseconds by logarithm.
function Write-Plot([string] $Path) {
    $width, $height, $left, $top = 460, 300, 70, 40
    $all = $plot | ForEach-Object { $_.Pannus; $_.Floor; if ($null -ne $_.Gdb) { $_.Gdb } }
    $low = [Math]::Floor([Math]::Log10([Math]::Max(1, (Get-Quantile $all 0))))
    $high = [Math]::Max($low + 1, [Math]::Ceiling([Math]::Log10((Get-Quantile $all 1))))
    $x = { param($index) '{0:0.#}' -f ($left + 30 + $index * ($width - 60) / [Math]::Max(1, $plot.Count - 1)) }
    $y = { param($us) '{0:0.#}' -f ($top + $height * ($high - [Math]::Log10([Math]::Max(1, $us))) / ($high - $low)) }

    $svg = [Collections.Generic.List[string]]::new()
    $svg.Add('<svg xmlns="http://www.w3.org/2000/svg" width="640" height="410"')
    $svg.Add('  font-family="sans-serif" font-size="13">')
    $svg.Add('<rect width="100%" height="100%" fill="white"/>')
    $svg.Add("<text x=`"$left`" y=`"22`">Longest gap felt by the running thread (median, microseconds)</text>")
    foreach ($power in $low..$high) {
        $at = & $y ([Math]::Pow(10, $power))
        $svg.Add("<path d=`"M$left,${at}h$width`" stroke=`"#ddd`"/>")
        $label = [Math]::Pow(10, $power).ToString('#,0')
        $svg.Add("<text x=`"$($left - 6)`" y=`"$at`" dy=`"4`" text-anchor=`"end`">$label</text>")
    }
    for ($i = 0; $i -lt $plot.Count; $i++) {
        $label = $plot[$i].Threads
        $svg.Add("<text x=`"$(& $x $i)`" y=`"$($top + $height + 20)`" text-anchor=`"middle`">$label</text>")
    }
    $svg.Add("<text x=`"$left`" y=`"$($top + $height + 44)`">sleeping threads</text>")
    $lines = @{ Pannus = '#c22', 'pannus' }, @{ Floor = '#26c', 'floor' }, @{ Gdb = '#777', 'gdb' }
    foreach ($line in $lines) {
        $name = @($line.Keys)[0]
        $colour, $label = $line[$name]
        $points = for ($i = 0; $i -lt $plot.Count; $i++) {
            if ($null -ne $plot[$i][$name]) { "$(& $x $i),$(& $y $plot[$i][$name])" }
        }
        if (-not $points) { continue }
        $svg.Add("<polyline points=`"$points`" fill=`"none`" stroke=`"$colour`" stroke-width=`"2`"/>")
        $end = & $y $plot[$plot.Count - 1][$name]
        $svg.Add("<text x=`"$($left + $width - 20)`" y=`"$end`" dy=`"4`" fill=`"$colour`">$label</text>")
    }
    $svg.Add('</svg>')
    [IO.File]::WriteAllLines($Path, $svg)
    Write-Line "Written: $Path"
}
