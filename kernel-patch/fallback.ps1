# Runs in a guest without the system calls, under our host: Auto is Ptrace then, patches all the same, and says so once.
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

$target = [Diagnostics.Process]::Start('/bin/sleep', '1000')
try {
    sleep 1
    [object[]] $said = Suspend-PatchProcess $target.Id -Verbose 4>&1
    $hold, $lines = $said.Where({ $_ -isnot [Management.Automation.VerboseRecord] }, 'Split')
    Test-That 'Auto holds a process' ([bool] $hold)
    $null = Resume-PatchProcess $target.Id
    Test-That 'one verbose line says that it is by ptrace' (@($lines -match 'Ptrace').Count -eq 1)
    try {
        $null = Suspend-PatchProcess $target.Id -Backend Kernel
        $refused = ''
    }
    catch { $refused = "$_" }
    Test-That 'Kernel is refused by name' ($refused -like '*Kernel backend is not available*')
}
finally { $target.Kill() }
