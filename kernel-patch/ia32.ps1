# Runs in a guest with the system calls: the sample, compiled for IA-32, is patched by them, listed and
# undone. It was compiled on the host.
Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'
$sample = [IO.Path]::GetFullPath("$PSScriptRoot/../bin/tests/sample/m32")

function Test-That([string] $What, [bool] $Holds) {
    $Host.UI.WriteLine("$(if ($Holds) { 'ok' } else { 'not ok' }) - IA-32: $What")
}

# Whether the target comes to print whole rounds of these words. What is on its way in the pipe comes first.
function Test-Rounds([string] $Words) {
    $matching = 0
    foreach ($line in 1..100000) {
        $matching = if ($target.StandardOutput.ReadLine() -like "*$Words*") { $matching + 1 } else { 0 }
        if ($matching -eq 12) { return $true }
    }
    $false
}

$start = [Diagnostics.ProcessStartInfo]::new("$sample/target", '10')
$start.RedirectStandardOutput = $true
$target = [Diagnostics.Process]::Start($start)
try {
    Test-That 'Get-PatchTarget tells what it is' ((Get-PatchTarget -Id $target.Id).Architecture -eq 'X86')
    Test-That 'it runs as it was built' (Test-Rounds 'of target.')
    $result = Invoke-LivePatch $target.Id "$sample/patch.so" '' "$sample/pannus.cmd"
    Test-That 'Auto patches it by the Kernel backend' ($result.Status -eq 'Applied' -and $result.Backend -eq 'Kernel')
    Test-That 'it runs the patch' (Test-Rounds 'of plug.')
    Test-That 'the patch is listed' (@(Get-LivePatch $target.Id -Verify).Where{ $_.IsVerified }.Count -eq 1)
    $undone = Undo-LivePatch $target.Id -All -Confirm:$false
    Test-That 'it is undone' ($undone.Status -in 'Undone', 'Retained')
    Test-That 'it runs as before' (Test-Rounds 'of target.')
    Test-That 'nothing is in force any more' (-not @(Get-LivePatch $target.Id).Where{ $_.State -eq 'Applied' })
}
finally { $target.Kill() }
