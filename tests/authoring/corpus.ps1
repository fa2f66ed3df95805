<#
.SYNOPSIS
    Makes a patch of each fix of a corpus, applies it to a running process, and takes it back.
.DESCRIPTION
    A corpus is a folder with corpus.tsv (id, package, version, patch, ..., expected), recipes/PACKAGE.sh, and demo/ID where
    there is a demonstration. For each fix the source of before is built as the target runs it; New-LivePatch has the source, the
    diff and the running program; its verdict is compared with the column expected.
.PARAMETER Corpus
    The folder; else that of the environment variable PANNUS_CORPUS, else this one.
.PARAMETER Id
    The fixes; wildcards are expanded.
.PARAMETER Work
    Folder for sources and builds; what is in it is used again.
.EXAMPLE
    ./corpus.ps1 -Id nginx*
#>
[CmdletBinding()]
param(
    [string] $Corpus = $(if ($env:PANNUS_CORPUS) { $env:PANNUS_CORPUS } else { $PSScriptRoot }),
    [string[]] $Id = '*',
    [string] $Work = "$PSScriptRoot/../../bin/corpus",
    [string] $Module = "$PSScriptRoot/../../Pannus.psd1"
)
Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'
$PSNativeCommandUseErrorActionPreference = $false
Import-Module $Module
$Corpus = (Resolve-Path $Corpus).Path
$null = New-Item -ItemType Directory -Force $Work, "$Work/sources"
$Work = (Resolve-Path $Work).Path

# How a program that has no demonstration is started so that it stays: it waits for a connection or for its input.
$programs = @{
    'nginx' = { param($tree, $folder, $port)
        $null = New-Item -ItemType Directory -Force "$folder/logs"
        Set-Content "$folder/nginx.conf" "daemon off; master_process off; error_log $folder/error.log; pid $folder/pid; events { } http { access_log off; server { listen 127.0.0.1:$port; } }"
        '-p', $folder, '-c', "$folder/nginx.conf" }
    'redis-server' = { param($tree, $folder, $port) '--port', $port, '--bind', '127.0.0.1', '--save', '', '--dir', $folder }
    'tinyproxy' = { param($tree, $folder, $port)
        Set-Content "$folder/tinyproxy.conf" "Port $port", 'Listen 127.0.0.1'
        '-d', '-c', "$folder/tinyproxy.conf" }
    'wget' = { '-i', '-' }
}

function Get-FreePort {
    $listener = [Net.Sockets.TcpListener]::new([Net.IPAddress]::Loopback, 0)
    $listener.Start()
    try { $listener.LocalEndpoint.Port } finally { $listener.Stop() }
}

function Get-Setting([string] $Recipe, [string] $Name) {
    bash -c ". '$Recipe'; echo `"`$$Name`""
}

# Starts a process with its input and output in our hands.
function Start-Piped([string] $Path, [string[]] $Arguments, [hashtable] $Environment = @{}) {
    $start = [Diagnostics.ProcessStartInfo]::new($Path)
    foreach ($argument in $Arguments) { $start.ArgumentList.Add($argument) }
    foreach ($name in $Environment.Keys) { $start.Environment[$name] = $Environment[$name] }
    $start.RedirectStandardInput = $start.RedirectStandardOutput = $start.RedirectStandardError = $true
    $process = [Diagnostics.Process]::Start($start)
    # What it complains of is not looked at, but must not fill the pipe.
    $process.BeginErrorReadLine()
    $process
}

function Invoke-Patch([int] $Process, [string] $Path) {
    $applied = Invoke-LivePatch $Process -Path $Path -Timeout 20
    if ($applied.Status -ne 'Applied') { throw "$Path was not applied: $($applied.Status)" }
    $applied.LivePatchId
}

# The demonstration's three answers: as built, patched, undone.
function Invoke-Demonstration([string] $Folder, [string] $Tree, [string] $Patch, [string] $Scratch) {
    # A copy beside our own lib.sh, which patches between the questions.
    $copy = "$Scratch/demo"
    rm -rf $copy
    $null = New-Item -ItemType Directory -Force $copy
    cp -r $Folder "$copy/it"
    chmod -R u+w $copy
    cp "$PSScriptRoot/lib.sh" "$copy/lib.sh"
    # A program that its script runs by itself is one that reads lines, or its work list, from its input.
    $script = [IO.File]::ReadAllText("$copy/it/run.sh") -replace '(?m)^echo 1 \| (?:(LD_LIBRARY_PATH=\S+) )?(".*)$', 'through_lines env $1 $2'
    $script = $script -replace '(?m)^("\$tree/\S+") (.*) (''http\S*'') (2>&1 \|.*)$', 'once() { feed $3 $1 $2 -i - $4; }; thrice once'
    [IO.File]::WriteAllText("$copy/it/run.sh", $script)
    $run = Start-Piped bash "$copy/it/run.sh", $Tree
    $said = [Collections.Generic.List[string]]::new()
    try {
        $id = ''
        while ($null -ne ($line = $run.StandardOutput.ReadLine())) {
            switch -Regex ($line) {
                '^@said (.*)$' { $said.Add($Matches[1]) }
                '^@patch (\d+)$' {
                    $id = Invoke-Patch $Matches[1] $Patch
                    $run.StandardInput.WriteLine('patched')
                }
                '^@undo (\d+)$' {
                    $null = Undo-LivePatch $Matches[1] -LivePatchId $id
                    $run.StandardInput.WriteLine('undone')
                }
            }
        }
    }
    finally { $run.Kill($true) }
    , $said.ToArray()
}

# A process that runs the program, or has the library, is patched, and the patch taken back.
function Invoke-Application([string] $Artifact, [string] $Tree, [string] $Patch, [string] $Scratch) {
    $name = [IO.Path]::GetFileName($Artifact)
    if ($name -like '*.so*') {
        gcc -O1 -o "$Scratch/hold" "$PSScriptRoot/hold.c" -ldl
        $process = Start-Piped "$Scratch/hold" $Artifact
        if ($process.StandardOutput.ReadLine() -ne 'ready') { throw "$Artifact can't be loaded" }
    }
    else {
        $arguments = if ($programs[$name]) { & $programs[$name] $Tree $Scratch (Get-FreePort) } else { @() }
        $process = Start-Piped $Artifact $arguments
        Start-Sleep -Milliseconds 500
    }
    try {
        $id = Invoke-Patch $process.Id $Patch
        $null = Get-LivePatch $process.Id
        $null = Undo-LivePatch $process.Id -LivePatchId $id
        if ($process.HasExited) { throw "$name ended" }
    }
    finally { $process.Kill() }
}

# Whether a result is what the corpus expects, and the word for what it is.
function Test-Verdict($Result, [string] $Expected) {
    $kinds = @($Result.Findings | Where-Object Severity -EQ Refusal | ForEach-Object { "$($_.Kind)" } | Select-Object -Unique)
    $data = 'Hook', 'InitialValue', 'ConstantTable', 'Layout'
    switch -Regex ($Expected) {
        '^(patch|const|active|semantic)' { $Result.Verdict -eq 'Made'; break }
        '^none' { $Result.Verdict -eq 'Unchanged'; break }
        '^layout' { $Result.Verdict -eq 'Refused' -and ('Layout' -in $kinds -or 'Prototype' -in $kinds); break }
        '^hook' { $Result.Verdict -eq 'Refused' -and @($kinds | Where-Object { $_ -in $data }).Count -gt 0; break }
        '^tls' { $Result.Verdict -eq 'Made' -or 'ThreadLocal' -in $kinds; break }
        default { $false }
    }
}

function Invoke-Fix($Fix) {
    $folder = "$Work/$($Fix.id)"
    $recipe = "$Corpus/recipes/$($Fix.package).sh"
    $row = [ordered] @{ Fix = $Fix.id; Expected = $Fix.expected; Verdict = 'failed'; Right = $false; Functions = 0; New = 0
        Builds = 0.0; Ours = 0.0; Live = ''; Reason = '' }
    try {
        if (-not (Test-Path "$folder/fix.diff")) {
            bash "$PSScriptRoot/prepare.sh" $Corpus $Fix.id $folder "$Work/sources" 2>&1 | Out-String | Set-Variable output
            if ($LASTEXITCODE) { throw "not fetched: $output" }
        }
        $build = "bash '$PSScriptRoot/build.sh' '$Corpus' '$($Fix.package)'"
        $artifact = Get-Setting $recipe artifact
        $target = "$folder/target"
        if (-not (Test-Path "$target/$artifact")) {
            rm -rf $target
            cp -a "$folder/base" $target
            bash -c "cd '$target' && $build" *> "$folder/build.log"
            if ($LASTEXITCODE) { throw "the base does not build, see $folder/build.log" }
        }
        # A library's name may be a link.
        $file = readlink -f "$target/$artifact"
        $patch = "$folder/fix.o"
        Remove-Item $patch -ErrorAction Ignore
        $result = New-LivePatch -SourceDirectory "$folder/base" -Diff "$folder/fix.diff" -BuildCommand $build -RebuildCommand "$build configured" `
            -Target $file -OutFile $patch -WarningAction Ignore -ErrorAction SilentlyContinue -ErrorVariable problem
        if (-not $result) { throw "$problem" }
        $row.Verdict = "$($result.Verdict)"
        $row.Functions = $result.Functions.Count
        $row.New = $result.NewFunctions.Count
        $row.Builds = [Math]::Round($result.BuildTime.TotalSeconds, 1)
        $row.Ours = [Math]::Round(($result.Duration - $result.BuildTime).TotalSeconds, 1)
        $row.Reason = @($result.Findings | Where-Object Severity -EQ Refusal | ForEach-Object Message) -join ' | '
        $row.Right = Test-Verdict $result $Fix.expected
        if ($result.Verdict -eq 'Made') {
            if (Test-Path "$Corpus/demo/$($Fix.id)/run.sh") {
                [string[]] $expected = Get-Content "$Corpus/demo/$($Fix.id)/expected" | ForEach-Object { $_ -replace '^\w+: ', '' }
                $said = Invoke-Demonstration "$Corpus/demo/$($Fix.id)" $target $patch $folder
                $row.Live = $said -join ' > '
                $isShown = $said.Count -eq 3 -and $said[0] -eq $expected[0] -and $said[1] -eq $expected[1] -and $said[2] -eq $expected[0]
                $row.Right = $row.Right -and $isShown
            }
            else {
                Invoke-Application $file $target $patch $folder
                $row.Live = 'applied, undone'
            }
        }
    }
    catch {
        $row.Right = $false
        $row.Reason = "$_"
    }
    [pscustomobject] $row
}

$Id = $Id -split ',' # As pwsh -File gives a list.
$fixes = @(Import-Csv "$Corpus/corpus.tsv" -Delimiter "`t" | Where-Object { $fix = $_; @($Id | Where-Object { $fix.id -like $_ }).Count -gt 0 })
$rows = @(foreach ($fix in $fixes) {
    $row = Invoke-Fix $fix
    $mark = if ($row.Right) { 'right' } else { 'WRONG' }
    $reason = if ($row.Reason.Length -gt 160) { $row.Reason.Substring(0, 160) + '...' } else { $row.Reason }
    $Host.UI.WriteLine(('{0,-22} {1,-14} {2,-10} {3,-6} {4,4} {5,4} {6,6:0.0}s {7,6:0.0}s  {8} {9}' -f
            $row.Fix, $row.Expected, $row.Verdict, $mark, $row.Functions, $row.New, $row.Ours, $row.Builds, $row.Live, $reason))
    $row
})
$rows | Export-Csv "$Work/result.tsv" -Delimiter "`t"
$wrong = @($rows | Where-Object { -not $_.Right })
$Host.UI.WriteLine("$($rows.Count - $wrong.Count) of $($rows.Count) as expected; the table is $Work/result.tsv")
exit $(if ($wrong) { 1 } else { 0 })
