# Runs on a host without the system calls: Auto is Ptrace then, patches all the same, and says so once.
Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'

function Test-That([string] $What, [bool] $Holds) {
    $Host.UI.WriteLine("$(if ($Holds) { 'ok' } else { 'not ok' }) - $What")
}

$backends = Get-PatchBackend
$kernel = $backends.Where{ $_.Backend -eq 'Kernel' }[0]
$ptrace = $backends.Where{ $_.Backend -eq 'Ptrace' }[0]
Test-That 'the Kernel backend is not available' (-not $kernel.IsAvailable -and -not $kernel.IsDefault)
Test-That 'it says what is missing' ($kernel.Missing -like '*/sys/kernel/pannus*')
Test-That 'Ptrace is the default' ($ptrace.IsAvailable -and $ptrace.IsDefault)

$sample = [IO.Path]::GetFullPath("$PSScriptRoot/../bin/tests/sample")
$start = [Diagnostics.ProcessStartInfo]::new("$sample/target", '10')
$start.RedirectStandardOutput = $true
$target = [Diagnostics.Process]::Start($start)
try {
    $null = $target.StandardOutput.ReadLine()
    [object[]] $said = Invoke-LivePatch $target.Id "$sample/patch.so" '' "$sample/pannus.cmd" -Verbose 4>&1
    $lines, $result = $said.Where({ $_ -is [Management.Automation.VerboseRecord] }, 'Split')
    Test-That 'Auto patches a process by ptrace' ($result[0].Status -eq 'Applied' -and $result[0].Backend -eq 'Ptrace')
    Test-That 'one verbose line says that it does, and why' (@($lines -like 'Backend Ptrace: *pannus*').Count -eq 1)
    try {
        $null = Suspend-PatchProcess $target.Id -Backend Kernel
        $refused = ''
    }
    catch { $refused = "$_" }
    Test-That 'Kernel is refused by name' ($refused -like '*Kernel backend is not available*')
}
finally { $target.Kill() }
