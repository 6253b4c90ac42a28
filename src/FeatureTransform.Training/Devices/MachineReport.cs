using System.Globalization;
using System.Runtime.InteropServices;
using FeatureTransform.LibTorch;
using FeatureTransform.Native;

namespace FeatureTransform.Training.Devices;

/// <summary>What the machine under a run offers, for a person.</summary>
public static class MachineReport
{
    /// <summary>
    /// Runtime, system, processor, measured speed and LibTorch as names and values, in about a second; never throws where LibTorch
    /// is missing.
    /// </summary>
    public static IReadOnlyList<(string Name, string Value)> Describe()
    {
        int threads = Environment.ProcessorCount;
        MachineSpeed speed = MachineSpeed.Measure(threads);
        return
        [
            ("version", typeof(MachineReport).Assembly.GetName().Version?.ToString(3) ?? "unknown"),
            ("runtime", $"{RuntimeInformation.FrameworkDescription} ({RuntimeInformation.RuntimeIdentifier})"),
            ("system", $"{RuntimeInformation.OSDescription}, {RuntimeInformation.OSArchitecture}"),
            ("vectors", $"{StreamKernels.Best.VectorBits} bits"),
            ("threads", threads.ToString(CultureInfo.InvariantCulture)),
            ("FMA peak", string.Create(CultureInfo.InvariantCulture, $"{speed.Peak:F0} GFLOP/s, measured")),
            ("pass", string.Create(
                CultureInfo.InvariantCulture,
                $"{speed.Pass:F0} GFLOP/s, {100 * speed.Pass / speed.Peak:F0} % of the peak (N {MachineSpeed.N}, K {MachineSpeed.K}, C {MachineSpeed.C})")),
            ("LibTorch", DescribeLibTorch()),
        ];
    }

    private static string DescribeLibTorch()
    {
        try
        {
            return $"{ATen.Version} from {ATen.Path}";
        }
        catch (TypeInitializationException error) when (error.InnerException is DllNotFoundException missing)
        {
            return $"missing: {missing.Message}";
        }
    }
}
