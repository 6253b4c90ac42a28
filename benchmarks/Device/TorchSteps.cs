using System.Diagnostics;

namespace FeatureTransform.Benchmarks.Device;

/// <summary>The same step in PyTorch (torch_contrastive.py), where python3 has it and it sees the device.</summary>
internal static class TorchSteps
{
    /// <summary>N, variant and microseconds of each step; what goes wrong is told on standard error.</summary>
    public static IEnumerable<string[]> Measure(int k, int c, int[] batchSizes)
    {
        string script = Path.Combine(AppContext.BaseDirectory, "torch_contrastive.py");
        var start = new ProcessStartInfo("python3", [script, $"{k}", $"{c}", .. batchSizes.Select(n => $"{n}")]) { RedirectStandardOutput = true };
        Process? started = null;
        try
        {
            started = Process.Start(start);
        }
        catch (System.ComponentModel.Win32Exception error)
        {
            Console.Error.WriteLine($"python3 cannot be started: {error.Message}");
        }

        using Process? process = started;
        while (process?.StandardOutput.ReadLine() is { } line)
        {
            yield return line.Split(' ');
        }

        process?.WaitForExit();
    }
}
