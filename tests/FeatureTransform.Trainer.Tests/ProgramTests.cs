using System.Diagnostics;
using Xunit;

namespace FeatureTransform.Trainer.Tests;

/// <summary>The real command line, in a process of its own.</summary>
public sealed class ProgramTests
{
    [Fact]
    public void Says_in_one_line_that_pretraining_is_not_there_yet_and_fails()
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "trainer.dll")])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        using Process process = Process.Start(start)!;
        string errors = process.StandardError.ReadToEnd(), output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(1, process.ExitCode);
        Assert.Equal("", output);
        Assert.Contains("not there yet", Assert.Single(errors.Split('\n', StringSplitOptions.RemoveEmptyEntries)));
    }
}
