using System.Globalization;
using BenchmarkDotNet.Environments;
using FeatureTransform.Cuda;
using FeatureTransform.Cuda.Emulator;
using FeatureTransform.Cuda.Emulator.Execution;

namespace FeatureTransform.Benchmarks.Emulator;

/// <summary>
/// Measures how fast the emulator executes, on one core, beside what that must be and what it aims at. Times are processor times
/// of this process, in which one thread works: what else the machine does is not in them.
/// </summary>
internal static class EmulatorFigures
{
    private const int Lanes = 32, Repeats = 3;

    /// <summary>Prints the figures; always 0, since they are measured, not judged.</summary>
    public static int Run()
    {
        Console.WriteLine(string.Join('\n', HostEnvironmentInfo.GetCurrent().ToFormattedString()));
        Console.WriteLine($"{"figure",-62} {"measured",9} {"must",9} {"aim",9}");
        Print("arithmetic, checks off: G lane-operations/s", Arithmetic(Checks.None), "1", "3");
        Print("arithmetic, checks on: G lane-operations/s", Arithmetic(Checks.All), "0.4", "1.5");
        foreach (DeviceProfile device in new[] { DeviceProfile.A100, DeviceProfile.H100 })
        {
            Print($"mma m16n8k16 bf16 as sm_{device.ComputeCapability}, checks on: us", Matrix(device), "<= 2", "<= 0.8");
        }

        foreach ((string name, double seconds) in new ContrastiveFigure().Measure())
        {
            Print($"infonce N 256, K 4096, C 128, {name}: s", seconds, "<= 8", "<= 2");
        }

        return 0;
    }

    /// <summary>Processor seconds of the fastest of some runs of an action.</summary>
    public static double Best(Action action) => Enumerable.Range(0, Repeats).Min(_ => ProcessorTime(action));

    private static double ProcessorTime(Action action)
    {
        TimeSpan start = Environment.CpuUsage.TotalTime;
        action();
        return (Environment.CpuUsage.TotalTime - start).TotalSeconds;
    }

    private static double Arithmetic(Checks checks)
    {
        const uint turns = 3_000_000;
        using var device = new PtxRunner(new EmulatorOptions { Checks = checks });
        PtxRunnerModule module = device.Load(FigureKernels.Arithmetic);
        ulong result = device.Allocate(Lanes * sizeof(float));
        double seconds = Best(device, module, "arithmetic", [.. BitConverter.GetBytes(result), .. BitConverter.GetBytes(turns)]);
        return turns * (double)FigureKernels.ArithmeticInstructions * Lanes / seconds / 1e9;
    }

    private static double Matrix(DeviceProfile profile)
    {
        const uint turns = 200_000;
        using var device = new PtxRunner(new EmulatorOptions { Device = profile });
        PtxRunnerModule module = device.Load(FigureKernels.Matrix);
        var random = new Random(1);
        ushort[] operands = [.. Enumerable.Range(0, Lanes * 16).Select(
            _ => (ushort)(BitConverter.SingleToUInt32Bits(random.NextSingle() - 0.5f) >> 16))];
        ulong fragments = device.Allocate<ushort>(operands), result = device.Allocate(Lanes * 4 * sizeof(float));
        byte[] addresses = [.. BitConverter.GetBytes(fragments), .. BitConverter.GetBytes(result)];
        byte[] parameters = [.. addresses, .. BitConverter.GetBytes(turns)];
        return Best(device, module, "matrix", parameters) / turns * 1e6;
    }

    private static double Best(PtxRunner device, PtxRunnerModule module, string kernel, byte[] parameters)
    {
        void Launch() => device.Launch(module, kernel, new Dim3(1), new Dim3(Lanes), parameters).ThrowIfUnclean();
        Launch();
        return Best(Launch);
    }

    private static void Print(string figure, double value, string must, string aim) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{figure,-62} {value,9:F2} {must,9} {aim,9}"));
}
