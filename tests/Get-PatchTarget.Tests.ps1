# Which processes there are, and what this host offers to patch them.

BeforeAll {
    Import-Module "$PSScriptRoot/../Pannus.psd1"
    . "$PSScriptRoot/Support.ps1"
    $target = Start-Target
}

AfterAll { Stop-Target }

Describe 'Get-PatchTarget' {
    It 'finds a process by its name' {
        $found = Get-PatchTarget -Name target | Where-Object Id -EQ $target.Id
        $found.Name | Should -Be 'target'
        $found.Path | Should -Be "$sample/target"
        $found.Architecture | Should -Be 'X64'
        $found.Threads | Should -Be 1
        $found.LivePatches | Should -Be 0
        $found.CanPatch | Should -BeTrue
        $found.Reason | Should -BeNullOrEmpty
    }

    It 'finds a process by a wildcard, whatever the case' {
        (Get-PatchTarget TAR*).Id | Should -Contain $target.Id
    }

    It 'finds a process by its id' {
        (Get-PatchTarget -Id $target.Id).Name | Should -Be 'target'
    }

    It 'takes a Process from the pipeline' {
        ($target.Process | Get-PatchTarget).Id | Should -Be $target.Id
    }

    It 'takes an id from the pipeline' {
        ($target.Id | Get-PatchTarget).Id | Should -Be $target.Id
    }

    It 'finds a family, and the users of a library' {
        $found = Get-PatchTarget -Id $target.Id -Family
        $found[0].FamilyId | Should -Be $target.Id
        (Get-PatchTarget -Id $target.Id -Module libc.so.6).Id | Should -Be $target.Id
        Get-PatchTarget -Id $target.Id -Module libnone.so.1 | Should -BeNullOrEmpty
    }

    It 'lists all processes but this one and kernel threads' {
        $all = Get-PatchTarget
        $all.Id | Should -Contain $target.Id
        $all.Id | Should -Not -Contain $PID
        $all.Id | Should -Not -Contain 2
    }

    It 'gives an error for a name that is not there, and the others all the same' {
        $found = Get-PatchTarget no-such-process, target -ErrorAction SilentlyContinue -ErrorVariable problems
        $found.Id | Should -Contain $target.Id
        $problems | Should -HaveCount 1
        $problems[0].FullyQualifiedErrorId | Should -BeLike 'TargetNotFound,*'
        $problems[0].TargetObject | Should -Be 'no-such-process'
    }

    It 'gives nothing and no error for a wildcard that fits nothing' {
        Get-PatchTarget no-such-process* -ErrorAction Stop | Should -BeNullOrEmpty
    }

    It 'gives an error for an id that is not there, and the others all the same' {
        $found = Get-PatchTarget -Id $noSuchId, $target.Id -ErrorAction SilentlyContinue -ErrorVariable problems
        $found.Id | Should -Be $target.Id
        $problems[0].FullyQualifiedErrorId | Should -BeLike 'TargetNotFound,*'
    }

    It 'says how to give an id when a number was given as a name' {
        (Get-Refusal { Get-PatchTarget 5000000 }).Exception.Message | Should -BeLike '*-Id 5000000*'
    }

    It 'survives serialization as a flat object' {
        $serializer = [Management.Automation.PSSerializer]
        $copy = $serializer::Deserialize($serializer::Serialize((Get-PatchTarget -Id $target.Id)))
        $copy.Id | Should -Be $target.Id
        ($copy | Get-PatchTarget).Name | Should -Be 'target'
    }
}

Describe 'Get-PatchBackend' {
    It 'shows both backends, one of which is the default' {
        $backends = Get-PatchBackend
        $backends.Backend | Should -Be 'Kernel', 'Ptrace'
        $backends | Where-Object IsDefault | Should -HaveCount 1
        ($backends | Where-Object Backend -EQ Ptrace).IsAvailable | Should -BeTrue
    }

    It 'says what is missing for a backend that cannot be used' {
        foreach ($backend in Get-PatchBackend | Where-Object IsAvailable -EQ $false) {
            $backend.Missing | Should -Not -BeNullOrEmpty
        }
    }
}
