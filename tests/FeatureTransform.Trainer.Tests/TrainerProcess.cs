using System.Diagnostics;

namespace FeatureTransform.Trainer.Tests;

/// <summary>Runs the real command line in a process of its own.</summary>
internal static class TrainerProcess
{
    public static (int ExitCode, string Output, string Errors) Run(
        IEnumerable<string> args, IReadOnlyDictionary<string, string>? environment = null)
    {
        using Process process = Start(args, environment);
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, errors.Result);
    }

    /// <summary>Starts it with its output redirected.</summary>
    public static Process Start(IEnumerable<string> args, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "trainer.dll"), .. args])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        start.Environment["DOTNET_TieredCompilation"] = "0"; // it ends within seconds: compiling once is a third less work
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        return Process.Start(start)!;
    }

    /// <summary>Reads its output up to a line that holds a text.</summary>
    public static void WaitForLine(Process process, string text)
    {
        while (process.StandardOutput.ReadLine() is { } line)
        {
            if (line.Contains(text, StringComparison.Ordinal))
            {
                return;
            }
        }

        throw new InvalidOperationException($"The process ended without a line with '{text}': {process.StandardError.ReadToEnd()}");
    }

    public static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}
