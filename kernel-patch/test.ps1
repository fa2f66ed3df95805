<#
.SYNOPSIS
    Builds Linux with the series of this folder, boots it in QEMU, and tests it there.
.DESCRIPTION
    `./build.ps1 KernelTest` calls it, whose functions it uses. Kernels are kept in $XDG_CACHE_HOME/pannus, else
    ~/.cache/pannus, in a folder named by the hash of the sources, the series and the configurations; older ones go.

    patched   with the option
    debug     with the option and what finds faults: lockdep, sleeping in atomic context, lifetimes, slab poison

    Of other configurations only what the series touches is compiled: without the option, without IA-32, for one
    processor. The host stands for a kernel without the series.
#>
[CmdletBinding()]
param(
    # The kernel's version, of which Debian's sources are installed.
    [ValidateSet('6.1', '6.12')]
    [string] $Version = '6.1',

    # How long the stress test runs on the debug kernel, in seconds.
    [int] $StressSeconds = 120
)
$source = "/usr/src/linux-source-$Version.tar.xz"
$patches = "$PSScriptRoot/linux-$Version"
$cacheHome = if ($env:XDG_CACHE_HOME) { $env:XDG_CACHE_HOME } else { "$HOME/.cache" }
[string[]] $inputs = [IO.Directory]::GetFiles($PSScriptRoot, '*.config') + [IO.Directory]::GetFiles($patches)
[Array]::Sort($inputs)
$key = (sha256sum $source @inputs | sed 's/ .*//' | sha256sum).Substring(0, 16)
$cache = "$cacheHome/pannus/kernel-$Version-$key"
$tree = "$cacheHome/pannus/build"
# One folder for all: what a further kernel has in common with the one before is there already.
$out = "$tree/out"
$option = 'CONFIG_LIVE_PATCH_USER=y'
$count = @{ Passed = 0; Failed = 0 }
$clock = [Diagnostics.Stopwatch]::StartNew()

# Configures a kernel that has the options of these lines and no others. Of two lines about one option the later counts.
function Set-Configuration([string] $Name, [string[]] $Lines) {
    $options = [ordered] @{}
    foreach ($line in $Lines) { if ($line -match '\bCONFIG_\w+') { $options[$Matches[0]] = $line } }
    $null = [IO.Directory]::CreateDirectory($out)
    [IO.File]::WriteAllLines("$out/all.config", [string[]] $options.Values)
    Invoke-Step "Configuring the kernel '$Name'" {
        make -s -C "$tree/linux" "O=$out" "KCONFIG_ALLCONFIG=$out/all.config" allnoconfig
    }
    # What a dependency forbids is left out in silence.
    [string[]] $made = [IO.File]::ReadAllLines("$out/.config")
    $missing = @($options.Values).Where{ $_ -like 'CONFIG_*' -and $_ -notin $made }
    if ($missing) { throw "The kernel '$Name' would be without $missing." }
}

function Build-Kernel([string] $Name, [string[]] $Lines) {
    # From a run that was broken off.
    if ([IO.File]::Exists("$cache/$Name")) { return }
    $jobs = [Environment]::ProcessorCount
    Set-Configuration $Name $Lines
    Invoke-Step "Building the kernel '$Name'" { nice make -s -C "$tree/linux" "O=$out" "-j$jobs" bzImage }
    cp "$out/arch/x86/boot/bzImage" "$cache/new" && mv "$cache/new" "$cache/$Name"
}

# Compiles what the series touches, warnings as errors, in another configuration.
function Build-Object([string] $Name, [string[]] $Lines) {
    if ([IO.File]::Exists("$cache/$Name")) { return }
    Set-Configuration $Name $Lines
    $objects = 'kernel/fork.o', 'kernel/signal.o', 'kernel/sys_ni.o', 'fs/proc/base.o', 'mm/mmap.o'
    if ($Lines -contains $option) { $objects += 'kernel/process_hold.o', 'mm/pannus.o' }
    Invoke-Step "Compiling for '$Name'" {
        nice make -s -C "$tree/linux" "O=$out" "-j$([Environment]::ProcessorCount)" KCFLAGS=-Werror @objects
    }
    touch "$cache/$Name"
}

function Build-Kselftest {
    Invoke-Step 'Building the kselftests' {
        mkdir -p "$cache/kselftest" $out && make -s -C "$tree/linux" "O=$out" headers &&
            make -s -C "$tree/linux/tools/testing/selftests/pannus" "OUTPUT=$cache/kselftest" `
                "KHDR_INCLUDES=-isystem $out/usr/include" all
    }
}

function Build-All {
    # Those of earlier series.
    mkdir -p $cache
    foreach ($old in [IO.Directory]::GetDirectories("$cacheHome/pannus", "kernel-$Version-*") -ne $cache) { rm -rf $old }
    Invoke-Step 'Unpacking the sources' {
        # The Kconfig files of all, but not the code of what no test configures.
        $unused = 'drivers/gpu', 'drivers/net/ethernet', 'drivers/net/wireless', 'drivers/media', 'drivers/staging', 'sound' |
            ForEach-Object { "--exclude=linux-source-$Version/$_/*.[ch]" }
        rm -rf $tree && mkdir -p $tree && tar xf $source -C $tree @unused && mv "$tree/linux-source-$Version" "$tree/linux"
    }
    $test = [IO.File]::ReadAllLines("$PSScriptRoot/test.config")
    $debug = [IO.File]::ReadAllLines("$PSScriptRoot/debug.config")
    foreach ($patch in [IO.File]::ReadAllLines("$patches/series")) {
        Invoke-Step "Applying $patch" { patch -d "$tree/linux" -p1 -s --fuzz=0 -i "$patches/$patch" }
    }
    Build-Object unset $test
    Build-Object native ($test + $option + '# CONFIG_IA32_EMULATION is not set' -notmatch 'COMPAT_32BIT_TIME')
    Build-Object uniprocessor ($test + $option + '# CONFIG_SMP is not set' -notmatch 'NR_CPUS')
    Build-Kernel patched ($test + $option)
    Build-Kernel debug ($test + $option + $debug)
    Build-Kselftest
    touch "$cache/complete"
    rm -rf $tree
}

# Counts 'ok' and 'not ok'. Says whether it was such a line.
function Test-Line([string] $Line) {
    if ($Line -match '^ok .*# SKIP') { Write-Line "    $Line" }
    elseif ($Line -match '^ok\b') { $count.Passed++ }
    elseif ($Line -match '^not ok\b') { $count.Failed++; Write-Line "    $Line" }
    else { return $false }
    $true
}

# Boots a kernel, runs one command in it, and counts the 'ok' and 'not ok' of what it prints. Returns the lines.
function Invoke-Guest([string] $Kernel, [string[]] $Command, [int] $Minutes, [string] $Parameter) {
    $start = $clock.Elapsed
    Write-Line "== $Kernel kernel: $Command"
    $append = 'console=ttyS0 quiet panic=-1 root=host rootfstype=9p ro',
        'rootflags=trans=virtio,version=9p2000.L,cache=loose,msize=512000',
        "init=$PSScriptRoot/guest.sh KEEP=${root}:$cache", "RUN=$($Command -join '+')",
        $Parameter -join ' '
    $code = ''
    $share = 'local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap'
    timeout "${Minutes}m" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2,sockets=2 -m 3072 -nodefaults -no-user-config `
        -display none -serial stdio -no-reboot -kernel "$cache/$Kernel" -append $append `
        -virtfs $share 2>&1 | ForEach-Object {
        $line = "$_".TrimEnd("`r")
        if (Test-Line $line) { }
        elseif ($line -match '^The guest ended with (\d+)') { $code = $Matches[1] }
        elseif ($line -match '^kernel: ') { }
        elseif ($line -notmatch '^#( *(RUN|OK) | Starting)|^TAP|^1\.\.|sysrq: Resetting') { Write-Line "    $line" }
        $line
    }
    Write-Line "    $([int] ($clock.Elapsed - $start).TotalSeconds) s"
    if ($code -ne '0') {
        $count.Failed++
        Write-Line "    not ok - $(if ($code) { "the command ended with $code" } else { "no end in $Minutes minutes" })"
    }
}

# guest.sh shows at the end what the kernel had to say.
function Test-Log([string[]] $Lines) {
    $bad = 'WARNING:|BUG:|INFO: |Call Trace|Oops|suspicious RCU|general protection|possible .* detected|Kernel panic'
    $found = $Lines -cmatch "^kernel: .*($bad)"
    if ($found) { $count.Failed++ } else { $count.Passed++ }
    foreach ($line in $found) { Write-Line "    $line" }
    Write-Line "    The kernel's log $(if ($found) { "has $($found.Count) complaints" } else { 'is clean' })."
}

# What the guest runs has to be compiled before: there the files are read-only.
function Build-Program {
    $targets = "$bin/tests/targets/default"
    Invoke-Step 'Building what is patched in the guest' {
        make -s -C "$root/src/sample" "OUT=$bin/tests/sample" &&
            make -s -C "$root/src/sample" "OUT=$bin/tests/sample/m32" 'CFLAGS=-O2 -m32' &&
            make -s -C "$root/tests/targets" "OUT=$targets" $targets/stuck $targets/patches/stuck.so `
                $targets/invariants $targets/patches/invariants-a.so $targets/patches/invariants-b.so &&
            make -s -C "$root/tests/bench" "OUT=$bin/bench"
    }
}

if (-not [IO.File]::Exists("$cache/complete")) { Build-All }
Build-Program
$kselftest = "$PSScriptRoot/kselftest.sh", "$cache/kselftest"
$pannus = "$bin/pannus"
Test-Log (Invoke-Guest patched ($kselftest + 10) 20)
Test-Log (Invoke-Guest patched "$cache/kselftest/force_test_64" 5 'proc_mem.force_override=never')
Test-Log (Invoke-Guest patched ($pannus, "$PSScriptRoot/cmdlets.ps1", (Get-Pester "$root/tests/Pannus.Tests"), 'Kernel') 30)
Test-Log (Invoke-Guest patched ($pannus, "$PSScriptRoot/ia32.ps1") 10)
Test-Log (Invoke-Guest patched ($pannus, "$PSScriptRoot/service.ps1") 10)
Test-Log (Invoke-Guest patched ($pannus, "$PSScriptRoot/compare.ps1") 15)
Test-Log (Invoke-Guest debug ($kselftest + $StressSeconds) 30)
Write-Line "== the host: $PSScriptRoot/fallback.ps1"
& $pannus "$PSScriptRoot/fallback.ps1" | ForEach-Object { $null = Test-Line "$_" }
Write-Line "$([int] $clock.Elapsed.TotalMinutes) minutes"
Write-Line "$($count.Passed) passed, $($count.Failed) failed"
exit [int]($count.Failed -gt 0)
