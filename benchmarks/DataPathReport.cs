using System.Diagnostics;
using System.Globalization;
using FeatureTransform.Benchmarks.Operators;
using FeatureTransform.Training.Data;

namespace FeatureTransform.Benchmarks;

/// <summary>Pairs of views a second on one thread, beside torchvision on Pillow on the same files, where python3 has it.</summary>
internal static class DataPathReport
{
    private const int Epochs = 4;

    public static int Run()
    {
        foreach (string name in DataPathCase.Names)
        {
            var data = new DataPathCase(name);
            double ours = Epochs * DataPathCase.Images / Timing.Best(
                () =>
                {
                    for (int epoch = 0; epoch < Epochs; epoch++)
                    {
                        _ = data.MakePairs(epoch);
                    }
                },
                seconds: 3);
            double? theirs = Torchvision(data);
            string decoder = !data.Decodes ? "" : TurboJpeg.IsAvailable ? "   by TurboJPEG" : "   by Skia";
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{name,-24} {ours,9:F0} pairs/s   torchvision {(theirs is { } rate ? $"{rate,7:F0} pairs/s, ratio {ours / rate:F1}" : "is not here")}{decoder}"));
        }

        return 0;
    }

    private static double? Torchvision(DataPathCase data)
    {
        string folder = Directory.CreateTempSubdirectory("data-path-").FullName;
        try
        {
            data.WriteTo(folder);
            string script = Path.Combine(AppContext.BaseDirectory, "torchvision_pairs.py");
            var start = new ProcessStartInfo(
                File.Exists("/usr/bin/python3") ? "/usr/bin/python3" : "python3", [script, folder, $"{data.Size}", data.Decodes ? "decode" : "keep"])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            using Process process = Process.Start(start)!;
            Task<string> errors = process.StandardError.ReadToEndAsync();
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            _ = errors.Result;
            return process.ExitCode == 0 ? double.Parse(output, CultureInfo.InvariantCulture) : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
