# The part of Pester 5 that tests/*.Tests.ps1 use, for machines without PowerShell Gallery. As with Pester, a file runs
# once to find its tests (only BeforeDiscovery and the bodies of Describe and Context run) and then the tests run.
#
# These are plain functions of the global session state, not a module: so the dot-sourced set-up blocks and the tests
# see each other's variables by PowerShell's own scopes. Names that begin with __ keep out of the tests' way.

function New-PesterBlock([string] $Name, $Parent, $Item) {
    [pscustomobject]@{
        Name = $Name; Parent = $Parent; Item = $Item; Body = $null
        BeforeAll = @(); AfterAll = @(); BeforeEach = @(); AfterEach = @()
        Children = [Collections.Generic.List[object]]::new()
    }
}

# `<name>` and `<name.property>` stand for a case's data, `<_>` for the case itself.
function Expand-PesterName([string] $Name, $Item) {
    [regex]::Replace($Name, '<(\w+)((?:\.\w+)*)>', {
        param($match)
        $key = $match.Groups[1].Value
        $value = if ($key -eq '_') { $Item }
            elseif ($Item -is [Collections.IDictionary] -and $Item.Contains($key)) { $Item[$key] }
            else { return $match.Value }
        foreach ($property in $match.Groups[2].Value.Split([char] '.', [StringSplitOptions]::RemoveEmptyEntries)) { $value = $value.$property }
        "$value"
    })
}

# To be dot-sourced: the variables belong to the caller, who sets $_ itself as that is never shared.
function Set-PesterData($__data) {
    if ($__data -is [Collections.IDictionary]) {
        foreach ($__key in $__data.Keys) { $ExecutionContext.SessionState.PSVariable.Set($__key, $__data[$__key]) }
    }
}

function Add-PesterBlock([string] $__name, [scriptblock] $__body, $__cases, [bool] $__hasCases) {
    $__parent = $global:__pester
    foreach ($__item in @(if ($__hasCases) { $__cases } else { , $null })) {
        $global:__pester = New-PesterBlock (Expand-PesterName $__name $__item) $__parent $__item
        $__parent.Children.Add($global:__pester)
        try {
            & { $_ = $__item; . Set-PesterData $__item; . $__body }
        }
        finally {
            $global:__pester = $__parent
        }
    }
}

function Describe([string] $Name, [scriptblock] $Fixture, [string[]] $Tag, [Alias('TestCases')] [object[]] $ForEach) {
    Add-PesterBlock $Name $Fixture $ForEach $PSBoundParameters.ContainsKey('ForEach')
}

function Context([string] $Name, [scriptblock] $Fixture, [string[]] $Tag, [Alias('TestCases')] [object[]] $ForEach) {
    Add-PesterBlock $Name $Fixture $ForEach $PSBoundParameters.ContainsKey('ForEach')
}

function It([string] $Name, [scriptblock] $Test, [string[]] $Tag, [Alias('TestCases')] [object[]] $ForEach) {
    foreach ($item in @(if ($PSBoundParameters.ContainsKey('ForEach')) { $ForEach } else { , $null })) {
        $it = New-PesterBlock (Expand-PesterName $Name $item) $global:__pester $item
        $it.Body = $Test
        $global:__pester.Children.Add($it)
    }
}

function BeforeAll([scriptblock] $Block) { $global:__pester.BeforeAll += $Block }
function AfterAll([scriptblock] $Block) { $global:__pester.AfterAll += $Block }
function BeforeEach([scriptblock] $Block) { $global:__pester.BeforeEach += $Block }
function AfterEach([scriptblock] $Block) { $global:__pester.AfterEach += $Block }

function Find-PesterTest([string] $__path) {
    $global:__pester = New-PesterBlock '' $null $null
    $null = & $__path
    $global:__pester
}

function Get-PesterTest($__block) {
    if ($__block.Body) { return $__block }
    foreach ($child in $__block.Children) { Get-PesterTest $child }
}

function Get-PesterPath($__block) {
    $name = $__block.Name
    while (($__block = $__block.Parent) -and $__block.Name) { $name = "$($__block.Name) > $name" }
    $name
}

function New-PesterResult($__block, $__problem) {
    $message = if ($__problem) { "$__problem`n$($__problem.ScriptStackTrace)" }
    [pscustomobject]@{ Name = Get-PesterPath $__block; Passed = -not $__problem; Message = $message }
}

# Gives one result for each test, and one more for a set-up or tear-down that fails by itself.
function Invoke-PesterBlock($__block) {
    $_ = $__block.Item
    . Set-PesterData $_
    $__isReady = $true
    try {
        foreach ($__step in $__block.BeforeAll) { $null = . $__step }
    }
    catch {
        $__isReady = $false
        foreach ($__test in @(Get-PesterTest $__block)) { New-PesterResult $__test $_ }
    }
    foreach ($__child in @(if ($__isReady) { $__block.Children })) {
        if ($__child.Body) { Invoke-PesterTest $__child } else { Invoke-PesterBlock $__child }
    }
    try {
        foreach ($__step in $__block.AfterAll) { $null = . $__step }
    }
    catch {
        New-PesterResult $__block $_
    }
}

function Invoke-PesterTest($__test) {
    $_ = $__test.Item
    . Set-PesterData $_
    [object[]] $__blocks = for ($__b = $__test.Parent; $__b; $__b = $__b.Parent) { $__b }
    $__problem = $null
    $__arguments = if ($__test.Item -is [Collections.IDictionary]) { $__test.Item } else { @{} }
    try {
        # From the outermost block to the innermost, and back.
        for ($__i = $__blocks.Count - 1; $__i -ge 0; $__i--) {
            foreach ($__step in $__blocks[$__i].BeforeEach) { $null = . $__step }
        }
        $__body = $__test.Body
        $null = . $__body @__arguments
    }
    catch { $__problem = $_ }
    try {
        foreach ($__b in $__blocks) { foreach ($__step in $__b.AfterEach) { $null = . $__step } }
    }
    catch { $__problem ??= $_ }
    New-PesterResult $__test $__problem
}
