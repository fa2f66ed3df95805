# Pester's assertion, with the operators that the tests use. A module, because a block that a module runs sees the
# variables of the module's caller and none of the module's own.

function BeforeDiscovery([scriptblock] $Block) { . $Block }

function Format-PesterValue($Value) {
    if ($null -eq $Value) { '$null' }
    elseif ($Value -is [string]) { "'$Value'" }
    elseif ($Value -is [Collections.IList]) {
        '@(' + (@(foreach ($item in $Value) { Format-PesterValue $item }) -join ', ') + ')'
    }
    else { "$Value" }
}

function Test-PesterEqual($Actual, $Expected, [bool] $Exactly) {
    if ($Actual -is [Collections.IList] -and $Expected -is [Collections.IList]) {
        if ($Actual.Count -ne $Expected.Count) { return $false }
        for ($i = 0; $i -lt $Actual.Count; $i++) {
            if (-not (Test-PesterEqual $Actual[$i] $Expected[$i] $Exactly)) { return $false }
        }
        return $true
    }
    if ($Actual -is [Collections.IList]) { return $false }
    [bool] $(if ($Exactly) { $Actual -ceq $Expected } else { $Actual -eq $Expected })
}

# What a script block throws, or nothing.
function Get-PesterThrown([scriptblock] $__block) {
    try { $null = & $__block } catch { $_ }
}

function Should {
    param(
        [Parameter(ValueFromPipeline)] [AllowNull()] $ActualValue,
        [switch] $Not, [string] $Because,
        $Be, $BeExactly, [switch] $BeTrue, [switch] $BeFalse, [switch] $BeNullOrEmpty, $BeOfType,
        [string] $Match, [string] $MatchExactly, [string] $BeLike, $Contain, [object[]] $BeIn, [int] $HaveCount,
        $BeGreaterThan, $BeGreaterOrEqual, $BeLessThan, $BeLessOrEqual, [switch] $Exist,
        [switch] $Throw, [Parameter(Position = 0)] [string] $ExpectedMessage, [string] $ErrorId, $ExceptionType,
        [switch] $PassThru
    )
    begin { $all = [Collections.Generic.List[object]]::new() }
    process { $all.Add($ActualValue) }
    end {
        if ($MyInvocation.ExpectingInput) { $actual = if ($all.Count -eq 1) { $all[0] } else { , $all.ToArray() } }
        else { $actual = $ActualValue; $all = @($ActualValue) }
        $other = 'ActualValue', 'Not', 'Because', 'ExpectedMessage', 'ErrorId', 'ExceptionType', 'PassThru'
        [string[]] $operators = $PSBoundParameters.Keys | Where-Object { $_ -notin $other }
        if ($operators.Count -ne 1) { throw "Should takes one operator, not: $operators" }
        $operator = $operators[0]
        $expected = $PSBoundParameters[$operator]
        $thrown = $null
        $holds = switch ($operator) {
            'Be' { Test-PesterEqual $actual $Be $false }
            'BeExactly' { Test-PesterEqual $actual $BeExactly $true }
            'BeTrue' { [bool] $actual }
            'BeFalse' { -not $actual }
            'BeNullOrEmpty' { $null -eq $actual -or ($actual -is [string] -and $actual -eq '') -or
                ($actual -is [Collections.ICollection] -and $actual.Count -eq 0) }
            'BeOfType' { $type = if ($BeOfType -is [type]) { $BeOfType } else { [type] "$BeOfType".Trim('[', ']') }
                @($all | Where-Object { $_ -isnot $type }).Count -eq 0 }
            'Match' { "$actual" -match $Match }
            'MatchExactly' { "$actual" -cmatch $MatchExactly }
            'BeLike' { "$actual" -like $BeLike }
            'Contain' { $all -contains $Contain -or $actual -contains $Contain }
            'BeIn' { $BeIn -contains $actual }
            'HaveCount' { @($actual).Count -eq $HaveCount }
            'BeGreaterThan' { $actual -gt $BeGreaterThan }
            'BeGreaterOrEqual' { $actual -ge $BeGreaterOrEqual }
            'BeLessThan' { $actual -lt $BeLessThan }
            'BeLessOrEqual' { $actual -le $BeLessOrEqual }
            'Exist' { [IO.Path]::Exists($actual) }
            'Throw' {
                $thrown = Get-PesterThrown $actual
                $actual = if ($thrown) { "$thrown ($($thrown.FullyQualifiedErrorId))" } else { 'no error' }
                $expected = "an error $ExpectedMessage $ErrorId $ExceptionType".TrimEnd()
                $exception = if ("$ExceptionType") { [type] "$ExceptionType".Trim('[', ']') } else { [Exception] }
                $thrown -and (-not $ExpectedMessage -or "$thrown" -like $ExpectedMessage) -and
                    (-not $ErrorId -or $thrown.FullyQualifiedErrorId -like $ErrorId) -and
                    $thrown.Exception -is $exception
            }
        }
        if ([bool] $holds -eq [bool] $Not) {
            $negation = if ($Not) { 'not ' } else { '' }
            $reason = if ($Because) { ", because $Because" } else { '' }
            $wanted = if ($expected -is [switch]) { '' } else { ' ' + (Format-PesterValue $expected) }
            throw "Expected ${negation}to $operator$wanted$reason, but got $(Format-PesterValue $actual)."
        }
        if ($PassThru) { $thrown }
    }
}

Export-ModuleMember -Function Should, BeforeDiscovery
