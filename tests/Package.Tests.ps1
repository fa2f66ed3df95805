# The package that is published, in a home of its own.

BeforeAll {
    . "$PSScriptRoot/Support.ps1"
    $shell = Get-Shell
    $null = & $shell[0] $shell[1..9] -NoProfile -File "$PSScriptRoot/../build.ps1" Pack -NoBuild
    $package = (Get-Item "$PSScriptRoot/../bin/pack/*.nupkg").FullName

    function Invoke-AtHome([string] $Commands) {
        $null = New-Item "$TestDrive/home", "$TestDrive/repository" -ItemType Directory -Force
        & env -u PSModulePath "HOME=$TestDrive/home" NO_COLOR=1 $shell[0] $shell[1..9] -NoProfile -Command "`$ErrorActionPreference = 'Stop'; $Commands" 2>&1
    }
}

AfterAll { Stop-Target }

Describe 'The package' {
    It 'is published, found, installed, used and uninstalled from a folder' {
        Invoke-AtHome "Register-PSResourceRepository local -Uri '$TestDrive/repository' -Trusted
            Publish-PSResource -NupkgPath '$package' -Repository local" | Should -BeNullOrEmpty
        Invoke-AtHome '(Find-PSResource Pannus -Repository local).Name' | Should -Be 'Pannus'
        Invoke-AtHome 'Install-PSResource Pannus -Repository local -Scope CurrentUser' | Should -BeNullOrEmpty
        $target = Start-Target
        # From a folder PowerShellGet takes the name in small letters, which PowerShell then finds by path only.
        $installed = (Get-ChildItem "$TestDrive/home" -Recurse -Force -Filter Pannus.psd1).FullName
        Invoke-AtHome "Import-Module '$installed'; (Invoke-LivePatch $($target.Id) '$patch' '' '$commands').Status" |
            Select-Object -First 1 | Should -Be 'Applied'
        Get-Output $target | Should -Be $patched
        Invoke-AtHome 'Uninstall-PSResource Pannus' | Should -BeNullOrEmpty
        Get-ChildItem "$TestDrive/home" -Recurse -Force -Filter Pannus.psd1 | Should -BeNullOrEmpty
    }

    It 'says who made it, the same at every build' {
        $folder = "$PSScriptRoot/../bin/pack/Pannus"
        foreach ($file in Get-ChildItem $folder -Recurse -Filter *.psd1) {
            $manifest = Import-PowerShellDataFile $file.FullName
            $manifest.Author | Should -Be 'Pannus contributors'
            $manifest.Copyright | Should -BeLike '*Pannus contributors*'
            $built = Import-PowerShellDataFile "$PSScriptRoot/../$(if ($file.Name -eq 'Pannus.psd1') { $file.Name } else { "src/Pannus.PowerShell/$($file.Name)" })"
            $manifest.GUID | Should -Be $built.GUID
        }
        $data = (Import-PowerShellDataFile "$folder/Pannus.psd1").PrivateData.PSData
        foreach ($key in 'LicenseUri', 'ProjectUri', 'ReleaseNotes') { $data[$key] | Should -Not -BeNullOrEmpty }
    }
}
