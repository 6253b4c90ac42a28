using System.Diagnostics;
using System.Globalization;
using System.Text;
using FeatureTransform.Cuda;
using FeatureTransform.Native;
using FeatureTransform.Native.Cuda;
using FeatureTransform.Training.Options;
using FeatureTransform.Training.Runs;

namespace FeatureTransform.Training.Devices.Cuda;

/// <summary>
/// The kernels of a CUDA device, and a training step, beside their twins on the CPU: what a person with a new device runs first.
/// </summary>
public sealed class SelfTest
{
    private const int NameWidth = 62;

    private readonly StringBuilder text = new();
    private readonly List<string> notes = [];
    private int passed, failed, leftOut;

    private SelfTest()
    {
    }

    /// <summary>Tests a device; a check that fails does not end it.</summary>
    /// <param name="options">The device: <c>cuda</c> (which <c>auto</c> is here) or <c>emulator</c>, and its number.</param>
    /// <param name="cancellation">Ends the test between two checks.</param>
    /// <returns>The report, and whether all checks passed.</returns>
    /// <exception cref="InvalidInputException">There is no such device, or a library that it needs is missing.</exception>
    /// <exception cref="CudaException">Everything is there, and the device cannot be opened.</exception>
    public static (string Text, bool Passed) Run(RunOptions options, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Device == "cpu")
        {
            throw new InvalidInputException("--selftest compares a CUDA device with the CPU: choose --device cuda or emulator.");
        }

        bool emulated = options.Device == "emulator";
        var test = new SelfTest();
        var device = (CudaDevice)DeviceSelector.Open(
            options with { Device = emulated ? "emulator" : "cuda", Precision = "fp32" }, test.notes.Add);
        try
        {
            test.Head(device);
            test.RunAll(device, emulated, cancellation);
        }
        finally
        {
            // A device that a kernel's fault has lost answers with that fault once more, which must not cost the report.
            test.Check("end of all work", () =>
            {
                device.Dispose();
                return [];
            });
        }

        return (test.End(), test.failed == 0);
    }

    /// <summary>Writes a report, over an earlier one.</summary>
    /// <returns>Where it is, for a person.</returns>
    /// <exception cref="InvalidInputException">The place cannot be written.</exception>
    public static string Save(string path, string report)
    {
        bool exists = File.Exists(path);
        AtomicFile.WriteText(path, report + '\n');
        return exists ? $"Written to {path}, over the report that was there." : $"Written to {path}.";
    }

    private void Head(CudaDevice device)
    {
        Line("device", $"{device.Description}, {device.Stream.Context.Device.Architecture}");
        Line("libraries", device.Libraries.Cuda!);
        Line("NVRTC", MachineReport.DescribeNvrtc());
        Line("version", typeof(SelfTest).Assembly.GetName().Version?.ToString(3) ?? "unknown");

        void Line(string name, string value) => text.Append(CultureInfo.InvariantCulture, $"{name,-11}{value.ReplaceLineEndings(" ")}\n");
    }

    private void RunAll(CudaDevice device, bool emulated, CancellationToken cancellation)
    {
        Check("compilation of all kernels", () => Compile(device.Kernels));
        text.Append(CultureInfo.InvariantCulture, $"\n{"check",-NameWidth} result  {"error",8}  {"bound",8}  device time\n");
        foreach (CudaPrecision precision in Enum.GetValues<CudaPrecision>())
        {
            OnBench($"contrastive step, {precision}", bench => SelfTestContrast.Run(bench, precision));
        }

        OnBench("enqueue, fp32", bench => SelfTestContrast.RunEnqueue(bench, ElementType.Float32));
        OnBench("enqueue, bf16", bench => SelfTestContrast.RunEnqueue(bench, ElementType.BFloat16));
        OnBench("EMA", SelfTestParameters.RunEma);
        OnBench("SGD", SelfTestParameters.RunSgd);
        OnBench("augmentation", SelfTestViews.Run);
        OnBench("k-NN", SelfTestNeighbors.Run);
        Check("linear probe", () => SelfTestRegression.Run(device));
        Check("training", () => SelfTestTraining.Run(device, emulated));

        void OnBench(string name, Func<SelfTestBench, IEnumerable<SelfTestCheck>> check) => Check(name, () =>
        {
            cancellation.ThrowIfCancellationRequested();
            using var bench = new SelfTestBench(device.Kernels, device.Stream.Context, emulated);
            return check(bench).ToList();
        });
    }

    private IEnumerable<SelfTestCheck> Compile(KernelLibrary kernels)
    {
        var watch = Stopwatch.StartNew();
        kernels.Load(KernelSet.Variants);
        text.Append(CultureInfo.InvariantCulture, $"kernels    {KernelSet.Variants.Count} files and variants ready in {watch.Elapsed.TotalSeconds:F1} s\n");
        return [];
    }

    // What a missing compiler forbids is left out. What throws has failed; where the device is lost, all that follows fails too and says so.
    private void Check(string name, Func<IEnumerable<SelfTestCheck>> run)
    {
        try
        {
            foreach (SelfTestCheck check in run())
            {
                Add(check);
            }
        }
        catch (CudaException error) when (error.IsUnavailable)
        {
            leftOut++;
            text.Append(CultureInfo.InvariantCulture, $"{name,-NameWidth} left out: {error.Message.ReplaceLineEndings(" ")}\n");
        }
#pragma warning disable CA1031 // Whatever goes wrong in a check is what the report is for.
        catch (Exception error) when (error is not OperationCanceledException)
#pragma warning restore CA1031
        {
            failed++;
            text.Append(CultureInfo.InvariantCulture, $"{name,-NameWidth} FAILED: {error.Message.ReplaceLineEndings(" ")}\n");
        }
    }

    private void Add(SelfTestCheck check)
    {
        (passed, failed) = check.Passed ? (passed + 1, failed) : (passed, failed + 1);
        string time = check.Microseconds is { } microseconds ? string.Create(CultureInfo.InvariantCulture, $"{microseconds:F1} us") : "";
        string line = $"{check.Name,-NameWidth} {(check.Passed ? "ok" : "FAILED"),-6}  {Number(check.Error),8}  {Number(check.Bound),8}  {time,11}";
        text.Append(line.TrimEnd()).Append('\n');

        static string Number(double value) =>
            value == Math.Truncate(value) && Math.Abs(value) < 1e8 ? value.ToString("F0", CultureInfo.InvariantCulture)
                : value.ToString("0.0e-00", CultureInfo.InvariantCulture);
    }

    private string End()
    {
        text.Append('\n');
        notes.ForEach(note => text.Append("note: ").Append(note.ReplaceLineEndings(" ")).Append('\n'));
        string others = leftOut > 0 ? $"; {leftOut} left out" : "";
        return text.Append(failed == 0
            ? $"All {passed} checks are ok: the device computes what the CPU computes{others}."
            : $"{failed} of {passed + failed} checks FAILED: do not train on this device before they are explained.").ToString();
    }
}
