# Runs in pwsh for bin/pannus: `PID PATCH MAPFILE CMDFILE`, or a script file with its arguments.
Import-Module "$PSScriptRoot/../Pannus.psd1" -Global -ErrorAction Stop
if ($args[0] -match '^\d+$') {
    Invoke-LivePatch -Target $args[0] -Path $args[1] -MapFile $args[2] -CommandFile $args[3] -ErrorVariable refusal
    exit [int] ($refusal.Count -gt 0)
}
$problems = $null
$path = $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($args[0])
$script = [Management.Automation.Language.Parser]::ParseFile($path, [ref] $null, [ref] $problems)
if ($problems) { throw [Management.Automation.ParseException]::new($problems) }
$rest = @($args | Select-Object -Skip 1)
# `exit N` in a block ends this file, and so pwsh with N; in another file it would end only that one.
& $script.GetScriptBlock() @rest
