using System.Diagnostics;
using System.Runtime.CompilerServices;
using Xunit;

namespace FeatureTransform.Cuda.Tests;

/// <summary>
/// Runs a test once more in a process of its own, which sees <see cref="Argument"/>: for what concerns several processes, and for
/// environment variables, which all tests of one process share.
/// </summary>
internal static class OtherProcess
{
    private const string Variable = "FEATURETRANSFORM_TESTS_ARGUMENT";

    /// <summary>What <see cref="Start"/> was given; null in the process that was not started by it.</summary>
    public static string? Argument => Environment.GetEnvironmentVariable(Variable);

    /// <summary>Starts the calling test; the task ends with the process, and fails where the test does.</summary>
    public static Task Start<TClass>(
        string argument, Dictionary<string, string>? variables = null, [CallerMemberName] string test = "")
    {
        string extension = OperatingSystem.IsWindows() ? ".exe" : "";
        string program = Path.Combine(AppContext.BaseDirectory, typeof(OtherProcess).Assembly.GetName().Name + extension);
        var start = new ProcessStartInfo(program, ["-method", $"{typeof(TClass).FullName}.{test}"])
        {
            RedirectStandardOutput = true,
        };
        start.Environment[Variable] = argument;
        start.Environment["DOTNET_ROOT"] = Path.GetFullPath(
            Path.Combine(Path.GetDirectoryName(typeof(object).Assembly.Location)!, "..", "..", ".."));
        foreach ((string name, string value) in variables ?? [])
        {
            start.Environment[name] = value;
        }
        return Finish(Process.Start(start)!);
    }

    private static async Task Finish(Process process)
    {
        using (process)
        {
            string output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.True(process.ExitCode == 0 && !output.Contains("Total: 0", StringComparison.Ordinal), output);
        }
    }
}
