# The cmdlets are in a binary module that `./build.ps1 Build` puts into bin/module, here and in every copy.
# There is one for each .NET that PowerShell runs on, so that nothing has to be compiled while a target is held.
$framework = if ([Environment]::Version.Major -ge 10) { 'net10.0' } else { 'net8.0' }
$binary = [IO.Path]::Combine($PSScriptRoot, 'bin', 'module', $framework, 'Pannus.PowerShell.psd1')
if (-not [IO.File]::Exists($binary)) {
    throw "Pannus isn't built: $binary is missing. Run ./build.ps1 Build in $PSScriptRoot."
}
Import-Module $binary -ErrorAction Stop

# `pannus PID PATCH MAPFILE CMDFILE` is an alias that the cmdlet itself has.
Export-ModuleMember -Cmdlet * -Alias pannus
