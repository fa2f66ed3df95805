@{
    RootModule = 'Pannus.psm1'
    ModuleVersion = '0.1.0'
    GUID = '5b0f4c0e-6d0b-4a5b-9a0e-2004c0de2026'
    Author = 'Pannus contributors'
    CompanyName = 'Pannus'
    Copyright = '(c) Pannus contributors. See LICENSE.'
    Description = 'Changes the code and data of running Linux processes without stopping the service they give.'
    PowerShellVersion = '7.4'
    CompatiblePSEditions = @('Core')
    CmdletsToExport = @(
        'Dismount-PatchModule'
        'Get-LivePatch'
        'Get-PatchBackend'
        'Get-PatchTarget'
        'Import-PatchCommand'
        'Invoke-LivePatch'
        'Mount-PatchModule'
        'New-LivePatch'
        'Read-PatchMemory'
        'Resolve-PatchSymbol'
        'Resume-PatchProcess'
        'Suspend-PatchProcess'
        'Test-LivePatch'
        'Test-PatchSafety'
        'Undo-LivePatch'
        'Write-PatchJump'
        'Write-PatchMemory'
        'Write-PatchPointer'
        'Write-PatchVariable'
    )
    FunctionsToExport = @()
    VariablesToExport = @()
    AliasesToExport = @('pannus')
    PrivateData = @{
        PSData = @{
            ProjectUri = 'https://pannus.sourceforge.net'
            LicenseUri = 'https://opensource.org/license/mit'
            ReleaseNotes = 'See CHANGELOG.md in the module.'
            Tags = @('Linux', 'LivePatch', 'ptrace', 'ELF', 'Debugging', 'PSEdition_Core')
        }
    }
}
