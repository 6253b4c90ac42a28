#!/usr/bin/env pwsh
#Requires -Version 7.0
<#
.SYNOPSIS
    Restores, builds, tests and packs the solution.
.PARAMETER Configuration
    Build configuration.
.PARAMETER SkipTests
    Leaves the tests out.
.PARAMETER Output
    Folder of the packages, relative to this script.
.EXAMPLE
    ./build.ps1 -SkipTests
#>
[CmdletBinding()]
param(
    [ValidateSet('Debug', 'Release')]
    [string] $Configuration = 'Release',

    [switch] $SkipTests,

    [string] $Output = 'artifacts/packages'
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

function Invoke-DotNet {
    & dotnet @args
    if ($LASTEXITCODE -ne 0) {
        throw "dotnet $($args -join ' ') failed with exit code $LASTEXITCODE."
    }
}

Push-Location $PSScriptRoot
try {
    Invoke-DotNet restore
    Invoke-DotNet build --configuration $Configuration --no-restore
    if (-not $SkipTests) {
        Invoke-DotNet test --configuration $Configuration --no-build
    }

    Invoke-DotNet pack --configuration $Configuration --no-build --output $Output
}
finally {
    Pop-Location
}
