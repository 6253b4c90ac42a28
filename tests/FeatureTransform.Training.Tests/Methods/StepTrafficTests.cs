using System.Globalization;
using System.Text;
using FeatureTransform.Cuda.Emulator;
using FeatureTransform.Native;
using FeatureTransform.Training.Devices.Cuda;
using FeatureTransform.Training.Methods;
using FeatureTransform.Training.Options;
using FeatureTransform.Training.Tests.Devices.Cuda;
using Xunit;

namespace FeatureTransform.Training.Tests.Methods;

/// <summary>
/// Bytes that our kernels move between the first cache and memory in a step, as an emulator counts them on the checked-in PTX, beside
/// those that the sizes of their tensors ask for.
/// </summary>
public sealed class StepTrafficTests
{
    private const int Sector = 32;

    private const string Head =
        """
        # Bytes that our kernels move in a step

        Step 3 of the ResNet-18 of `tests/FeatureTransform.Training.Tests/Methods/step-trace.txt` (width 0.25, N = 16 images of S = 8 pixels, bf16,
        C = 128, K = 64 negatives in fp32) on an emulated A100, counted on the checked-in PTX: sectors of 32 bytes that the requests of a
        warp touch, those of stores and atomics as written. A sector that two requests touch counts twice, whether or not a cache has it.
        cuDNN's and cuBLASLt's traffic is not in it.

        "Must" is what the algorithm reads, and writes, each tensor once: P parameters of an encoder, of which F filters have bf16 gradients; W of
        the stem's filter, W' with its channels padded from 3 to 8; V = 2 N S S pixels of the views; A = 128 averaged features. A
        tensor smaller than a sector counts as one. "May" is what a kernel is allowed beyond that, for the reason beside it: a test fails
        where it moves more. FT_WRITE=1 writes this table anew.

        | kernel | launches | read | written | must read | must write | of must | may read | may write | must, in sizes: read, written | reason |
        |---|---|---|---|---|---|---|---|---|---|---|

        """;

    [Fact]
    public void No_kernel_moves_more_than_it_must()
    {
        PretrainOptions options = TinyMoCo.TiledOptions(groups: 1);
        using var cuda = new EmulatedCuda(
            CudaPrecision.BFloat16, separate: false, record: emulator => new CallRecorder(emulator), counts: true);
        cuda.Device.Reserve(options);
        using var moco = new MoCo(cuda.Device, options);
        _ = (Step(0), Step(1));
        IReadOnlyDictionary<string, KernelCounters> before = cuda.Emulator.Counters;
        using (cuda.Recorder!.Record())
        {
            _ = Step(2);
        }

        Dictionary<string, int> launches = cuda.Recorder.Lines.Where(line => line.StartsWith("launch ", StringComparison.Ordinal))
            .CountBy(line => line.Split(' ', ':')[1]).ToDictionary();
        IReadOnlyList<KernelTraffic> rows = KernelTraffic.Of(
            moco.Query.Store.Layout, ((CudaParameterStore)moco.Query.Store).Chunks, TinyMoCo.Images(options, 2));
        Assert.Equal(launches.Keys.Order(StringComparer.Ordinal), rows.Select(row => row.Kernel).Order(StringComparer.Ordinal));
        var wrong = new List<string>();
        var text = new StringBuilder(Head);
        foreach (KernelTraffic row in rows)
        {
            KernelCounters now = cuda.Emulator.Counters[row.Kernel];
            before.TryGetValue(row.Kernel, out KernelCounters? then);
            long written = Sector * (now.GlobalWrittenSectors - (then?.GlobalWrittenSectors ?? 0));
            long read = (Sector * (now.GlobalSectors - (then?.GlobalSectors ?? 0))) - written;
            Check(row.Kernel, "reads", read, row.Read, row.MoreRead);
            Check(row.Kernel, "writes", written, row.Written, row.MoreWritten);
            text.Append(
                CultureInfo.InvariantCulture,
                $"| {row.Kernel} | {launches[row.Kernel]} | {read} | {written} | {row.Read} | {row.Written} | " +
                $"{(double)(read + written) / (row.Read + row.Written):0.00} | {row.MoreRead} | {row.MoreWritten} | {row.Must} | {row.Reason} |\n");
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
        string path = RepositoryFiles.Find("docs", "step-traffic.md"), document = text.ToString().ReplaceLineEndings("\n");
        if (RepositoryFiles.Writes)
        {
            File.WriteAllText(path, document);
        }

        Assert.Equal(document, File.ReadAllText(path).ReplaceLineEndings("\n"));

        float Step(uint step) => moco.StepAndRead(TinyMoCo.Images(options, step), step, transform: step > 0, learningRate: 0.001f);

        // Less than it must says that the formula is wrong.
        void Check(string kernel, string what, long moved, long must, long more)
        {
            if (moved < must || moved > must + more)
            {
                wrong.Add($"{kernel} {what} {moved} bytes; it must {must}, and may {must + more}");
            }
        }
    }
}
