using System.Management.Automation.Language;
using Xunit;

namespace FeatureTransform.Trainer.Tests;

/// <summary>The build script, by PowerShell's own parser: it needs no pwsh.</summary>
public sealed class BuildScriptTests
{
    [Fact]
    public void Build_script_parses_and_has_its_parameters()
    {
        ScriptBlockAst script = Parser.ParseFile(
            Path.Combine(AppContext.BaseDirectory, "build.ps1"), out _, out ParseError[] errors);
        Assert.Empty(errors);
        Assert.Equal(
            ["Configuration", "SkipTests", "Output"], script.ParamBlock.Parameters.Select(p => p.Name.VariablePath.UserPath));
        string[] verbs = [.. script.FindAll(a => a is CommandAst, searchNestedScriptBlocks: true).Cast<CommandAst>()
            .Where(c => c.GetCommandName() == "Invoke-DotNet").Select(c => c.CommandElements[1].Extent.Text)];
        Assert.Equal(["restore", "build", "test", "pack"], verbs);
    }
}
