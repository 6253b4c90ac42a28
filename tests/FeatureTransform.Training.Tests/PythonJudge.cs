using System.Diagnostics;
using Xunit;

namespace FeatureTransform.Training.Tests;

/// <summary>PyTorch as an independent judge: runs a script of the Python folder, or skips the test and says why.</summary>
internal static class PythonJudge
{
    private static readonly string? Interpreter = new[] { "/usr/bin/python3", "python3", "python" }.FirstOrDefault(
        python => Start(python, ["-c", "import torch, torchvision, numpy"]).ExitCode == 0);

    /// <summary>Runs a script with arguments and returns what it prints; fails the test with its error output where it fails.</summary>
    public static string Run(string script, params string[] arguments)
    {
        Assert.SkipUnless(Interpreter is not null, "no python3 here can import torch, torchvision and numpy");
        (int code, string output, string errors) = Start(Interpreter!, [Path.Combine(AppContext.BaseDirectory, "Python", script), .. arguments]);
        Assert.True(code == 0, $"{script} ended with {code}: {errors}{output}");
        return output;
    }

    private static (int ExitCode, string Output, string Errors) Start(string program, string[] arguments)
    {
        try
        {
            var start = new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true };
            using Process process = Process.Start(start)!;
            Task<string> output = process.StandardOutput.ReadToEndAsync();
            string errors = process.StandardError.ReadToEnd();
            process.WaitForExit();
            return (process.ExitCode, output.Result, errors);
        }
        catch (System.ComponentModel.Win32Exception error)
        {
            return (-1, "", error.Message);
        }
    }
}
