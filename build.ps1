<#
.SYNOPSIS
    Builds, shows, tests, measures and packs Pannus.
.DESCRIPTION
    Output goes to bin/.

    Build   the module (bin/module; then Import-Module ./Pannus.psd1 works) and the command bin/pannus
    Demo    Build; patches a running program, then makes the same change by a restart
    Test    Build; every test, by xunit and by Pester; results in bin/results
    KernelTest  Build; kernel-patch's kernels are built, booted in QEMU and tested; half an hour the first time
    KernelTest612   the same with Linux 6.12
    Bench   Build; the benchmarks
    Soak    Build; 1,000 patchers killed, 2,000 rounds of patch and undo over a busy service, and 20
            minutes of two patchers on a program that does everything at once
    Fuzz    a million damaged files to the readers; what fails one stays in bin/fuzz
    Pack    Build; the module as Publish-PSResource takes it, bin/pack/*.nupkg
    Clean   removes bin/
.EXAMPLE
    ./build.ps1 Demo
.EXAMPLE
    dotnet tool exec powershell --yes -- ./build.ps1 Demo
#>
[CmdletBinding()]
param(
    [Parameter(Position = 0)]
    [ValidateSet('Build', 'Demo', 'Test', 'KernelTest', 'KernelTest612', 'Bench', 'Soak', 'Fuzz', 'Pack', 'Clean')]
    [string] $Task = 'Build',
    # The version of Pester to test with, where it is not to be that of src/Directory.Packages.props.
    [string] $PesterVersion,
    # Packs what is built.
    [switch] $NoBuild
)
Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'
$root = $PSScriptRoot
$bin = "$root/bin"
# No build server outlives the build.
$env:MSBUILDDISABLENODEREUSE = '1'
$env:UseSharedCompilation = 'false'
$env:DOTNET_CLI_USE_MSBUILD_SERVER = '0'
$env:DOTNET_CLI_TELEMETRY_OPTOUT = '1'
$env:DOTNET_NOLOGO = '1'
$env:POWERSHELL_TELEMETRY_OPTOUT = '1'
# This shell as a command. One that is a tool of dotnet has no runtime of its own.
[string[]] $shell = if (Test-Path "$PSHOME/libcoreclr.so") { "$PSHOME/pwsh" } else { 'dotnet', "$PSHOME/pwsh.dll" }

# What a task needs on the machine, a program or a file, and the Debian package that brings it.
$compilers = @{ 'gcc' = 'gcc'; 'make' = 'make'; '/usr/include/stdio.h' = 'libc6-dev' }
$servers = @{
    'gdb' = 'gdb'
    'strace' = 'strace'
    'clang' = 'clang'
    'ld.lld' = 'lld'
    'mold' = 'mold'
    'g++' = 'g++'
    '/usr/lib32/libc.so' = 'g++-multilib'
    '/usr/lib32/libz.so' = 'lib32z1-dev'
    'nginx' = 'nginx'
    'redis-cli' = 'redis-tools'
    'redis-server' = 'redis-server'
    'wrk' = 'wrk'
    '/usr/include/zlib.h' = 'zlib1g-dev'
    '/usr/share/nginx/src/src/core/nginx.h' = 'nginx-dev'
}

$kernelTools = @{
    'bc' = 'bc'
    'bison' = 'bison'
    'flex' = 'flex'
    'patch' = 'patch'
    'xz' = 'xz-utils'
    'qemu-system-x86_64' = 'qemu-system-x86'
    '/usr/include/libelf.h' = 'libelf-dev'
    '/usr/lib32/libc.so' = 'gcc-multilib'
}

function Write-Line([string] $Text = '') { $Host.UI.WriteLine($Text) }

# Runs one native command; what it prints is shown only when it fails.
function Invoke-Step([string] $What, [scriptblock] $Command) {
    Write-Line "$What ..."
    $output = & $Command 2>&1
    if ($LASTEXITCODE -ne 0) {
        foreach ($line in $output) { $Host.UI.WriteErrorLine("$line") }
        throw "$What failed with exit code $LASTEXITCODE."
    }
}

function Install-Prerequisite([hashtable] $Prerequisite) {
    $present = { param($name) if ($name[0] -eq '/') { [IO.File]::Exists($name) } else { Get-Command $name -EA Ignore } }
    [string[]] $missing = $Prerequisite.Keys | Where-Object { -not (& $present $_) } |
        ForEach-Object { $Prerequisite[$_] }
    if (-not $missing) { return }
    [Array]::Sort($missing)
    $install = "apt-get install -y --no-install-recommends $missing"
    if ([Environment]::UserName -ne 'root' -or -not (Get-Command apt-get -ErrorAction Ignore)) {
        throw "Programs are missing. On Debian, run as root: apt-get update && $install"
    }
    # In run level 1 (invoke-rc.d(8)) the packages' scripts install their services without starting them.
    $env:RUNLEVEL = '1'
    $env:DEBIAN_FRONTEND = 'noninteractive'
    Invoke-Step 'Reading the package lists' { apt-get update -q }
    Invoke-Step "Installing $missing" { apt-get install -y -q --no-install-recommends @missing }
    $env:RUNLEVEL = $null
}

# Publishes beside the old output and then takes its place: a program that runs from the old one keeps its files.
function Publish-Project([string] $Project, [string] $Framework, [string] $Folder) {
    $new = "$bin/new/$Folder"
    Invoke-Step "Building $Project for $Framework" {
        rm -rf $new && dotnet publish "$root/src/$Project" -c Release -f $Framework -o $new --nologo -v quiet &&
            rm -rf "$bin/$Folder" && mkdir -p "$bin/$Folder" && mv -T $new "$bin/$Folder"
    }
}

function Invoke-Build {
    foreach ($framework in 'net8.0', 'net10.0') { Publish-Project Pannus.PowerShell $framework "module/$framework" }
    Write-Launcher $bin $PSHOME
}

# Makes the command pannus in a folder beside the module; the pwsh of this home comes before the one on PATH.
function Write-Launcher([string] $Folder, [string] $ShellHome) {
    $tools = Get-Content "$root/.config/dotnet-tools.json" -Raw | ConvertFrom-Json
    $words = $shell | ForEach-Object { "'$($_.Replace("'", "'\''"))'" }
    $command = (Get-Content "$root/src/launcher/pannus" -Raw).
        Replace('@SHELL@', $words).Replace('@PSHOME@', $ShellHome.Replace("'", "'\''")).
        Replace('@VERSION@', $tools.tools.powershell.version)
    Set-Content "$Folder/pannus" $command -NoNewline
    chmod +x "$Folder/pannus"
    Copy-Item "$root/src/launcher/pannus.ps1" $Folder
}

function Start-Program([string] $Path, [string[]] $Arguments) {
    $start = [Diagnostics.ProcessStartInfo]::new($Path)
    foreach ($argument in $Arguments) { $start.ArgumentList.Add($argument) }
    $start.RedirectStandardOutput = $true
    [Diagnostics.Process]::Start($start)
}

# The sample prints four lines a round: through a function, a variable, a pointer and a function pointer.
function Read-Round([Diagnostics.Process] $Process) {
    foreach ($line in 1..4) { $Process.StandardOutput.ReadLine() }
}

function Write-Round([string] $Title, [string[]] $Round) {
    Write-Line
    Write-Line $Title
    foreach ($line in $Round) { Write-Line "    $line" }
}

# Pester's manifest, as a package of the tests' project.
function Get-Pester([string] $Project) {
    [string[]] $version = if ($PesterVersion) { "-p:PesterVersion=$PesterVersion" } else { @() }
    Invoke-Step 'Restoring Pester' { dotnet restore $Project @version --nologo -v quiet }
    $folder = dotnet msbuild $Project @version -getProperty:PkgPester
    (Get-ChildItem $folder -Recurse -Filter Pester.psd1)[0].FullName
}

function Invoke-Demo {
    Install-Prerequisite $compilers
    Invoke-Build
    $sample = "$bin/sample"
    Invoke-Step 'Compiling the sample' { make -s -C "$root/src/sample" "OUT=$sample" }
    $target = Start-Program "$sample/target" 10
    try {
        Write-Round "Process $($target.Id) prints this every 10 ms:" (Read-Round $target)

        $patch = "Invoke-LivePatch $($target.Id) '$sample/patch.so' '$sample/target.map' '$sample/pannus.cmd'"
        Write-Line
        Write-Line $patch
        # The line of two numbers tells the pauses to this script; the others are what a person sees.
        [string[]] $shown = & "$bin/pannus" -Command "`$r = $patch; `$r; '{0} {1}' -f `$r.LoadPause.Ticks, `$r.Pause.Ticks"
        if ($LASTEXITCODE -ne 0) { throw "pannus refused with exit code $LASTEXITCODE." }
        $pauses = '^(\d+) (\d+)$'
        foreach ($line in $shown -notmatch $pauses) { Write-Line $line }
        $load, $write = ($shown -match $pauses)[0].Split(' ') | ForEach-Object { [TimeSpan]::FromTicks($_).TotalMilliseconds }
        # What was on its way before the patch is still to be read.
        do { $round = Read-Round $target } while ($round -match 'of target')
        Write-Round "The same process $($target.Id), patched:" $round

        $clock = [Diagnostics.Stopwatch]::StartNew()
        $target.Kill()
        $target.WaitForExit()
        $target = Start-Program "$sample/target-new" 10
        $round = Read-Round $target
        $restart = $clock.Elapsed
        Write-Round "The same change by a restart, as the new process $($target.Id):" $round
        Write-Line
        Write-Line ('Patched: {0:0.0} ms of one thread to load, {1:0.0} ms of those that run to write. Restarted: away for {2:0.0} ms.' -f
            $load, $write, $restart.TotalMilliseconds)
        Write-Line 'The patched process kept its memory, its connections and its id; the restarted one lost them.'
    }
    finally {
        $target.Kill()
    }
}

# Adds what a result file counts to a total.
function Add-Result([hashtable] $Count, [string] $Path) {
    if (-not (Test-Path $Path)) {
        Write-Line "There is no $Path."
        $Count.Failed++
        return
    }
    $cases = @(([xml] (Get-Content $Path -Raw)).SelectNodes('//testcase'))
    $failed = @($cases.Where{ $_.SelectSingleNode('failure | error') }).Count
    $skipped = @($cases.Where{ $_.SelectSingleNode('skipped') }).Count
    $Count.Failed += $failed
    $Count.Skipped += $skipped
    $Count.Passed += $cases.Count - $failed - $skipped
}

function Invoke-Test {
    Install-Prerequisite ($compilers + $servers)
    Invoke-Build
    $project = "$root/tests/Pannus.Tests"
    $pester = Get-Pester $project
    $results = "$bin/results"
    if (Test-Path $results) { Remove-Item $results -Recurse }
    dotnet test $project -c Release --nologo --logger 'console;verbosity=minimal' `
        --logger "junit;LogFilePath=$results/xunit.xml" | Out-Host
    $code = $LASTEXITCODE
    # After the engine's tests and not beside them: some of those need a processor within milliseconds.
    $run = Start-Program $shell[0] (@($shell | Select-Object -Skip 1) +
        ('-NoProfile', '-File', "$root/tests/pester.ps1", $pester, "$results/pester.xml"))
    Write-Line $run.StandardOutput.ReadToEnd().TrimEnd()
    $run.WaitForExit()
    $count = @{ Passed = 0; Failed = 0; Skipped = 0 }
    foreach ($name in 'xunit', 'pester') { Add-Result $count "$results/$name.xml" }
    # Such as a host of tests that has died, or a set-up that failed: no test tells of it.
    if ($count.Failed -eq 0 -and ($code -or $run.ExitCode)) { $count.Failed++ }
    Write-Line "$($count.Passed) passed, $($count.Failed) failed, $($count.Skipped) skipped"
    exit [int] ($count.Failed -gt 0)
}

function Invoke-KernelTest([string] $Version = '6.1') {
    $sources = "linux-source-$Version"
    Install-Prerequisite ($compilers + $kernelTools + @{ "/usr/src/$sources.tar.xz" = $sources })
    Invoke-Build
    & "$root/kernel-patch/test.ps1" -Version $Version
    exit $LASTEXITCODE
}

function Invoke-KernelTest612 { Invoke-KernelTest '6.12' }

function Invoke-Bench {
    Install-Prerequisite ($compilers + $servers)
    Invoke-Build
    & "$bin/pannus" -NoProfile "$root/tests/bench/bench.ps1"
    exit $LASTEXITCODE
}

function Invoke-Soak {
    Install-Prerequisite ($compilers + $servers)
    Invoke-Build
    $env:PANNUS_KILLS = '1000'
    $env:PANNUS_ROUNDS = '2000'
    $env:PANNUS_SOAK_SECONDS = '1200'
    dotnet test "$root/tests/Pannus.Tests" -c Release --nologo `
        --filter 'FullyQualifiedName~KilledPatcherTests|FullyQualifiedName~over_and_over|FullyQualifiedName~SoakTests'
    exit $LASTEXITCODE
}

function Invoke-Fuzz {
    Install-Prerequisite $compilers
    $env:PANNUS_FUZZ_INPUTS = '1000000'
    dotnet test "$root/tests/Pannus.Tests" -c Release --nologo --filter 'FullyQualifiedName~FuzzTests' `
        --logger 'console;verbosity=detailed' | ForEach-Object { if ($_ -match '^\s*fuzz |error|Failed') { Write-Line $_.Trim() } }
    exit $LASTEXITCODE
}

function Invoke-Pack {
    if (-not $NoBuild) { Invoke-Build }
    $folder = "$bin/pack/Pannus"
    if (Test-Path "$bin/pack") { Remove-Item "$bin/pack" -Recurse }
    $null = New-Item "$folder/bin" -ItemType Directory
    $files = 'Pannus.psd1', 'Pannus.psm1', 'README.md', 'LICENSE', 'CHANGELOG.md', 'en-US' | ForEach-Object { "$root/$_" }
    Copy-Item $files $folder -Recurse
    Copy-Item "$bin/module" "$folder/bin" -Recurse
    # Of no shell in particular: it goes to other machines.
    Write-Launcher "$folder/bin" ''
    Compress-PSResource -Path $folder -DestinationPath "$bin/pack"
    Write-Line "Packed: $((Get-Item "$bin/pack/*.nupkg").FullName)"
}

function Invoke-Clean {
    Invoke-Step 'Removing bin' { rm -rf $bin }
}

& "Invoke-$Task"
