@{
    RootModule = 'Pannus.PowerShell.dll'
    ModuleVersion = '0.1.0'
    GUID = '3f1f0c36-5d5e-4b0b-8f0c-2004c0de2027'
    Author = 'Pannus contributors'
    CompanyName = 'Pannus'
    Copyright = '(c) Pannus contributors. See LICENSE.'
    Description = 'The cmdlets of Pannus. Import Pannus, which imports them.'
    PowerShellVersion = '7.4'
    CompatiblePSEditions = @('Core')
    # The views belong here: in Pannus.psd1 a file that is named but not built yet would make the import fail before
    # Pannus.psm1 can say what to do.
    FormatsToProcess = @('Pannus.Format.ps1xml')
    CmdletsToExport = '*'
    FunctionsToExport = @()
    VariablesToExport = @()
    AliasesToExport = '*'
}
