<#
.SYNOPSIS
    Builds Linux 6.1 with the series of this folder, boots it in QEMU, and tests it there.
.DESCRIPTION
    `./build.ps1 KernelTest` calls it, whose functions it uses. Kernels are kept in $XDG_CACHE_HOME/pannus, else
    ~/.cache/pannus, in a folder named by the hash of the sources, the series and the configurations; older ones go.

    absent    Debian's sources as they are
    unset     with the series, without the option
    patched   with the option
    debug     with the option and what finds faults: lockdep, sleeping in atomic context, lifetimes, slab poison
#>
[CmdletBinding()]
param(
    # How long the stress test runs on the debug kernel, in seconds.
    [int] $StressSeconds = 120
)
$source = '/usr/src/linux-source-6.1.tar.xz'
$cacheHome = if ($env:XDG_CACHE_HOME) { $env:XDG_CACHE_HOME } else { "$HOME/.cache" }
[string[]] $inputs = [IO.Directory]::GetFiles($PSScriptRoot) -match '\.(patch|config)$|/series$'
[Array]::Sort($inputs)
$key = (sha256sum $source @inputs | sed 's/ .*//' | sha256sum).Substring(0, 16)
$cache = "$cacheHome/pannus/kernel-$key"
$tree = "$cacheHome/pannus/build"
$count = @{ Passed = 0; Failed = 0 }

function Build-Kernel([string] $Name, [string[]] $Configurations) {
    # From a run that was broken off.
    if ([IO.File]::Exists("$cache/$Name")) { return }
    $out = "$tree/$Name"
    $jobs = [Environment]::ProcessorCount
    Invoke-Step "Building the kernel '$Name'" {
        mkdir -p $out && make -s -C "$tree/linux" "O=$out" tinyconfig &&
            & "$tree/linux/scripts/kconfig/merge_config.sh" -m -O $out "$out/.config" @Configurations &&
            make -s -C "$tree/linux" "O=$out" olddefconfig && nice make -s -C "$tree/linux" "O=$out" "-j$jobs" bzImage
    }
    cp "$out/arch/x86/boot/bzImage" "$cache/new" && mv "$cache/new" "$cache/$Name"
}

function Build-Kselftest {
    Invoke-Step 'Building the kselftests' {
        mkdir -p "$cache/kselftest" "$tree/patched" && make -s -C "$tree/linux" "O=$tree/patched" headers &&
            make -s -C "$tree/linux/tools/testing/selftests/pannus" "OUTPUT=$cache/kselftest" `
                "KHDR_INCLUDES=-isystem $tree/patched/usr/include" all
    }
}

function Build-All {
    # Those of earlier series.
    mkdir -p $cache
    foreach ($old in [IO.Directory]::GetDirectories("$cacheHome/pannus", 'kernel-*') -ne $cache) { rm -rf $old }
    Invoke-Step 'Unpacking the sources' {
        rm -rf $tree && mkdir -p $tree && tar xf $source -C $tree && mv "$tree/linux-source-6.1" "$tree/linux"
    }
    $test = "$PSScriptRoot/test.config"
    Build-Kernel absent $test
    foreach ($patch in [IO.File]::ReadAllLines("$PSScriptRoot/series")) {
        Invoke-Step "Applying $patch" { patch -d "$tree/linux" -p1 -s --fuzz=0 -i "$PSScriptRoot/$patch" }
    }
    [IO.File]::WriteAllText("$tree/unset.config", "# CONFIG_LIVE_PATCH_USER is not set`n")
    Build-Kernel unset $test, "$tree/unset.config"
    Build-Kernel patched $test
    Build-Kernel debug $test, "$PSScriptRoot/debug.config"
    Build-Kselftest
    touch "$cache/complete"
    rm -rf $tree
}

# Boots a kernel, runs one command in it, and counts the 'ok' and 'not ok' of what it prints. Returns the lines.
function Invoke-Guest([string] $Kernel, [string[]] $Command, [int] $Minutes) {
    Write-Line "== $Kernel kernel: $Command"
    $append = 'console=ttyS0 quiet panic=-1 root=host rootfstype=9p ro',
        'rootflags=trans=virtio,version=9p2000.L,cache=loose,msize=512000',
        "init=$PSScriptRoot/guest.sh KEEP=${root}:$cache", "RUN=$($Command -join '+')" -join ' '
    $ended = $false
    $share = 'local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap'
    timeout "${Minutes}m" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 3072 -nodefaults -no-user-config `
        -display none -serial stdio -no-reboot -kernel "$cache/$Kernel" -append $append `
        -virtfs $share 2>&1 | ForEach-Object {
        $line = "$_".TrimEnd("`r")
        if ($line -match '^ok .*# SKIP') { Write-Line "    $line" }
        elseif ($line -match '^ok\b') { $count.Passed++ }
        elseif ($line -match '^not ok\b') { $count.Failed++; Write-Line "    $line" }
        elseif ($line -match '^The guest ended with') { $ended = $true }
        elseif ($line -notmatch '^#( *(RUN|OK) | Starting)|^TAP|^1\.\.|sysrq: Resetting') { Write-Line "    $line" }
        $line
    }
    if (-not $ended) {
        $count.Failed++
        Write-Line "    not ok - the guest did not come to its end in $Minutes minutes"
    }
}

function Test-Log([string[]] $Lines) {
    $bad = 'WARNING:|BUG:|INFO: |Call Trace|Oops|suspicious RCU|general protection|possible .* detected|Kernel panic'
    $found = @($Lines -match $bad)
    if ($found) { $count.Failed++ } else { $count.Passed++ }
    Write-Line "    The kernel's log $(if ($found) { "has $($found.Count) complaints" } else { 'is clean' })."
}

if (-not [IO.File]::Exists("$cache/complete")) { Build-All }
$kselftest = "$PSScriptRoot/kselftest.sh", "$cache/kselftest"
Test-Log (Invoke-Guest patched ($kselftest + 10) 15)
Test-Log (Invoke-Guest debug ($kselftest + $StressSeconds) 30)
foreach ($kernel in 'absent', 'unset') {
    $null = Invoke-Guest $kernel "$bin/host/pannus", "$PSScriptRoot/fallback.ps1" 10
}
Write-Line "$($count.Passed) passed, $($count.Failed) failed"
exit [int]($count.Failed -gt 0)
