using FeatureTransform.Cuda;
using Xunit;

namespace FeatureTransform.Native.Tests.Cuda;

/// <summary>The step on a CUDA device against fp64 and against the CPU; each derived class brings a device.</summary>
public abstract class CudaContrastiveStepTests
{
    private const uint Step = 9;

    public static TheoryData<PositiveTransform, LambdaScope, bool, NegativeTransform, LambdaScope, bool> Settings => ContrastiveStepTests.Settings;

    /// <summary>Where the tests run; skips with the reason where there is no such device.</summary>
    private protected abstract TestDevice Open();

    [Theory]
    [MemberData(nameof(Settings))]
    public void Loss_statistics_and_gradient_equal_the_oracle(
        PositiveTransform positive, LambdaScope positiveScope, bool positiveNormalize,
        NegativeTransform negative, LambdaScope negativeScope, bool negativeNormalize)
    {
        FeatureTransformOptions options = ContrastiveStepTests.Options(
            positive, positiveScope, positiveNormalize, negative, negativeScope, negativeNormalize);
        using TestDevice device = Open();
        CheckExact(device, options, new CudaStepShape(3, 5, 67) { Precision = CudaPrecision.Float32 });
    }

    [Theory]
    [InlineData(1, 1, 1, 0.1f)]
    [InlineData(33, 257, 17, 0.1f)]
    [InlineData(31, 130, 128, 0.005f)]
    [InlineData(5, 65, 300, 10f)]
    [InlineData(2, 4200, 17, 0.1f)] // so many parts of a row that a block finishes it
    public void Odd_sizes_and_extreme_temperatures_equal_the_oracle(int n, int k, int c, float tau)
    {
        using TestDevice device = Open();
        CheckExact(device, new FeatureTransformOptions { Tau = tau }, new CudaStepShape(n, c, k) { Precision = CudaPrecision.Float32 });
    }

    [Theory]
    [InlineData(CudaPrecision.BFloat16, NegativeTransform.Replace, LambdaScope.Batch, ElementType.Float32, 0.2f, 40, 300, 128)]
    [InlineData(CudaPrecision.BFloat16, NegativeTransform.Replace, LambdaScope.Row, ElementType.BFloat16, 0.07f, 130, 97, 128)]
    [InlineData(CudaPrecision.BFloat16, NegativeTransform.Extend, LambdaScope.Element, ElementType.Float32, 0.2f, 17, 129, 64)]
    [InlineData(CudaPrecision.BFloat16, NegativeTransform.Extend, LambdaScope.Batch, ElementType.BFloat16, 0.02f, 33, 131, 16)]
    [InlineData(CudaPrecision.BFloat16, NegativeTransform.None, LambdaScope.Batch, ElementType.Float32, 0.1f, 257, 64, 256)]
    [InlineData(CudaPrecision.TensorFloat32, NegativeTransform.Replace, LambdaScope.Batch, ElementType.Float32, 0.2f, 40, 300, 128)]
    [InlineData(CudaPrecision.TensorFloat32, NegativeTransform.Extend, LambdaScope.Row, ElementType.BFloat16, 0.07f, 19, 97, 48)]
    public void Errors_are_at_most_two_and_three_times_those_of_plain_code_with_the_same_operands(
        CudaPrecision precision, NegativeTransform negative, LambdaScope scope, ElementType queue, float tau, int n, int k, int c)
    {
        var options = new FeatureTransformOptions { Tau = tau, Negative = negative, NegativeScope = scope, PositiveScope = scope, Seed = 3 };
        var shape = new CudaStepShape(n, c, k) { Precision = precision, Queue = queue };
        using TestDevice device = Open();
        CheckErrors(device, options, shape, ContrastiveStepTests.Inputs(n, k, c, queue));
    }

    /// <summary>Negatives that are nearer than the positive, by more than fp32 can hold: exponentials need a running maximum.</summary>
    [Theory]
    [InlineData(CudaPrecision.BFloat16, 0.01f)]
    [InlineData(CudaPrecision.TensorFloat32, 0.01f)]
    [InlineData(CudaPrecision.Float32, 0.002f)]
    public void Scores_far_above_the_positive_are_scaled_down(CudaPrecision precision, float tau)
    {
        const int n = 33, k = 200, c = 16;
        var options = new FeatureTransformOptions { Tau = tau };
        var shape = new CudaStepShape(n, c, k) { Precision = precision };
        using TestDevice device = Open();
        (float[] q, float[] key, FeatureQueue rows) = ContrastiveStepTests.Inputs(n, k, c, shape.Queue);
        key = [.. key.Select(x => -x)];
        if (precision != CudaPrecision.Float32)
        {
            CheckErrors(device, options, shape, (q, key, rows));
            return;
        }

        StepResult ours = device.Run(options, shape, q, key, rows, Step, transform: true);
        ContrastiveStepTests.CheckAll(options, q, key, Stored(rows), n, k, c, Step, ours.Loss, ours.DqRaw, ours.Statistics);
    }

    private static void CheckErrors(
        TestDevice device, FeatureTransformOptions options, CudaStepShape shape, (float[] Q, float[] Key, FeatureQueue Rows) inputs)
    {
        (int n, int c, int k, CudaPrecision precision) = (shape.MaxN, shape.C, shape.K, shape.Precision);
        (float[] q, float[] key, FeatureQueue rows) = inputs;
        float[] stored = Stored(rows);
        (double[] loss, double[] gradient) = PlainContrast<double>.Run(options, q, key, stored, n, c, Step);
        (double[] plainLoss, double[] plainGradient) = PlainContrast<double>.Run(
            options, q, key, stored, n, c, Step, precision == CudaPrecision.BFloat16 ? RoundToBFloat16 : RoundToTensorFloat32);
        StepResult ours = device.Run(options, shape, q, key, rows, Step, transform: true);

        double forward = Error(loss, ours.Statistics.Loss), plainForward = Error(loss, plainLoss);
        double backward = Error(gradient, ours.DqRaw), plainBackward = Error(gradient, plainGradient);
        Assert.True(forward <= (2 * plainForward) + 1e-6, $"loss: error {forward:E2}, of plain code {plainForward:E2}");
        Assert.True(
            backward <= (3 * plainBackward) + (1e-6 * gradient.Max(Math.Abs)), $"gradient: error {backward:E2}, of plain code {plainBackward:E2}");
        Assert.Equal(ours.Statistics.Loss.Average(), ours.Loss, 1e-5f);

        // Of the scores the error is that of two rounded operands of C channels each, at most 3 and 2 long.
        double epsilon = (precision == CudaPrecision.BFloat16 ? 1 / 256.0 : 1 / 1024.0) * 6;
        var oracle = new ContrastiveOracle(options, [.. stored.Select(x => (double)x)], k, c, Step);
        for (int i = 0; i < n; i += 7)
        {
            OracleRow row = oracle.Row([.. q.Select(x => (double)x)], [.. key.Select(x => (double)x)], i);
            Assert.Equal(row.Positive, ours.Statistics.PositiveScore[i], 1e-5);
            Assert.Equal(row.Mean, ours.Statistics.NegativeMean[i], epsilon / Math.Sqrt(k));
            Assert.Equal(row.Variance, ours.Statistics.NegativeVariance[i], epsilon * Math.Sqrt(row.Variance));
            Assert.InRange(
                ours.Statistics.Rank[i], row.Scores.Count(s => s > row.Positive + epsilon), row.Scores.Count(s => s > row.Positive - epsilon));
        }
    }

    [Fact]
    public void Features_in_bf16_and_strides_are_read_as_they_lie()
    {
        var options = new FeatureTransformOptions { PositiveScope = LambdaScope.Element };
        var shape = new CudaStepShape(6, 32, 40) { Precision = CudaPrecision.Float32 };
        (float[] q, float[] key, FeatureQueue rows) = ContrastiveStepTests.Inputs(6, 40, 32, ElementType.Float32);
        q = [.. q.Select(x => (float)RoundToBFloat16(x))];
        key = [.. key.Select(x => (float)RoundToBFloat16(x))];
        using TestDevice device = Open();
        StepResult plain = device.Run(options, shape, q, key, rows, Step, transform: true);
        StepResult half = device.Run(options, shape with { Features = ElementType.BFloat16 }, q, key, rows, Step, transform: true, padding: 5);
        Assert.Equal(plain.Statistics.Loss, half.Statistics.Loss);
        Assert.Equal(plain.DqRaw, half.DqRaw);
    }

    [Fact]
    public void Before_the_begin_epoch_nothing_is_mixed()
    {
        (float[] q, float[] key, FeatureQueue rows) = ContrastiveStepTests.Inputs(5, 70, 16, ElementType.Float32);
        using TestDevice device = Open();
        foreach (CudaPrecision precision in Enum.GetValues<CudaPrecision>())
        {
            var shape = new CudaStepShape(5, 16, 70) { Precision = precision };
            var plain = new FeatureTransformOptions { Positive = PositiveTransform.None, Negative = NegativeTransform.None };
            StepResult expected = device.Run(plain, shape, q, key, rows, Step, transform: true);
            StepResult actual = device.Run(
                new FeatureTransformOptions { Negative = NegativeTransform.Extend }, shape, q, key, rows, Step, transform: false);
            Assert.Equal(expected.Statistics.Loss, actual.Statistics.Loss);
            Assert.Equal(expected.DqRaw, actual.DqRaw);
        }
    }

    [Theory]
    [InlineData(ElementType.Float32)]
    [InlineData(ElementType.BFloat16)]
    public void Steps_one_by_one_and_as_a_graph_go_the_same_way_as_on_the_CPU(ElementType type)
    {
        const int n = 7, k = 24, c = 16, steps = 5; // n does not divide k: the ring wraps within a step
        var options = new FeatureTransformOptions { Tau = 0.3f, NegativeScope = LambdaScope.Row };
        var shape = new CudaStepShape(n, c, k) { Precision = CudaPrecision.Float32, Queue = type };
        (float[] q, float[] key, FeatureQueue rows) = ContrastiveStepTests.Inputs(n, k, c, type);
        using TestDevice device = Open();
        (float[] direct, byte[] queue) = device.RunSteps(options, shape, q, key, rows, steps, graph: false);
        (float[] replayed, byte[] replayedQueue) = device.RunSteps(options, shape, q, key, rows, steps, graph: true);
        Assert.Equal(direct, replayed);
        Assert.Equal(queue, replayedQueue);

        using var cpu = new ContrastiveStep(options, n, c);
        float[] gradient = new float[n * c], keys = new float[n * c];
        for (uint i = 0; i < steps; i++)
        {
            Assert.Equal(cpu.Run(q, key, rows, i, true, gradient, keys, new RowStatistics(n)), direct[i], 2e-5f);
            rows.Enqueue(keys);
        }

        Assert.Equal(rows.Bytes.ToArray(), queue);
    }

    [Fact]
    public void A_zero_row_has_zero_gradient_and_NaN_is_seen_in_the_loss_and_kept_out_of_the_queue()
    {
        (float[] q, float[] key, FeatureQueue rows) = ContrastiveStepTests.Inputs(4, 40, 16, ElementType.Float32);
        Array.Clear(q, 16, 16);
        using TestDevice device = Open();
        foreach (CudaPrecision precision in Enum.GetValues<CudaPrecision>())
        {
            var shape = new CudaStepShape(4, 16, 40) { Precision = precision };
            StepResult zero = device.Run(new FeatureTransformOptions(), shape, q, key, rows, Step, transform: true);
            Assert.True(float.IsFinite(zero.Loss));
            Assert.All(zero.DqRaw[16..32], x => Assert.Equal(0, x));
            Assert.Contains(zero.DqRaw[..16], x => x != 0);

            float[] bad = [.. q];
            bad[3] = float.NaN;
            StepResult nan = device.Run(new FeatureTransformOptions(), shape, bad, key, rows, Step, transform: true);
            Assert.True(float.IsNaN(nan.Loss));
            Assert.True(float.IsFinite(nan.Statistics.Loss[2]));
            Assert.Equal(rows.Bytes.ToArray(), device.RunSteps(new FeatureTransformOptions(), shape, bad, key, rows, 1, graph: false).Queue);
        }
    }

    [Theory]
    [InlineData(CudaPrecision.BFloat16, false)]
    [InlineData(CudaPrecision.BFloat16, true)]
    [InlineData(CudaPrecision.Float32, true)]
    public void The_callers_workspace_is_used_and_nothing_behind_it(CudaPrecision precision, bool normalize)
    {
        const int canary = 256;
        var options = new FeatureTransformOptions { NegativeNormalize = normalize };
        var shape = new CudaStepShape(130, 16, 70) { Precision = precision };
        (float[] q, float[] key, FeatureQueue rows) = ContrastiveStepTests.Inputs(130, 70, 16, ElementType.Float32);
        using TestDevice device = Open();
        long bytes = CudaContrastiveStep.GetWorkspaceBytes(options, shape, device.Stream.Context.Device);
        using var memory = new DeviceMemory(device.Stream.Context, bytes + canary);
        memory.Fill(0xff, device.Stream);
        using DeviceMemory room = memory.Slice(0, bytes), behind = memory.Slice(bytes, canary);
        StepResult own = device.Run(options, shape, q, key, rows, Step, transform: true);
        StepResult lent = device.Run(options, shape, q, key, rows, Step, transform: true, workspace: room);
        Assert.Equal(own.Loss, lent.Loss);
        Assert.Equal(own.DqRaw, lent.DqRaw);
        byte[] left = new byte[canary];
        behind.CopyTo<byte>(left, device.Stream);
        Assert.All(left, b => Assert.Equal(0xff, b));

        using DeviceMemory small = memory.Slice(0, bytes - 1), crooked = memory.Slice(16, bytes);
        Assert.Contains($"{bytes} bytes", Assert.Throws<ArgumentException>(() => device.Make(options, shape, small)).Message);
        Assert.Contains("multiple of 256", Assert.Throws<ArgumentException>(() => device.Make(options, shape, crooked)).Message);
    }

    [Fact]
    public void Says_what_does_not_fit()
    {
        using TestDevice device = Open();
        Assert.Contains("multiple of 16", Assert.Throws<ArgumentException>(
            () => device.Make(new FeatureTransformOptions(), new CudaStepShape(4, 20, 40))).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => device.Make(new FeatureTransformOptions(), new CudaStepShape(0, 16, 40)));
        Assert.Throws<ArgumentOutOfRangeException>(
            () => device.Make(new FeatureTransformOptions { Tau = float.NaN }, new CudaStepShape(4, 16, 40)));
        using CudaContrastiveStep step = device.Make(new FeatureTransformOptions(), new CudaStepShape(4, 16, 40));
        CudaStepBuffers good = new() { QRaw = 256, KRaw = 256, Queue = 256, DqRaw = 256, Keys = 256, Loss = 256, Statistics = 256 };
        string Message(CudaStepBuffers buffers, int n = 4) => Assert.ThrowsAny<ArgumentException>(() => step.Run(buffers, n, device.Stream)).Message;
        Assert.Contains("1..4", Message(good, 5));
        Assert.Contains("1..4", Message(good, 0));
        Assert.Contains("KRaw", Message(good with { KRaw = 0 }));
        Assert.Contains("aligned", Message(good with { DqRaw = 258 }));
        Assert.Contains("at least C = 16", Message(good with { QStride = 15 }));
    }

    private static void CheckExact(TestDevice device, FeatureTransformOptions options, CudaStepShape shape)
    {
        (int n, int c, int k) = (shape.MaxN, shape.C, shape.K);
        (float[] q, float[] key, FeatureQueue rows) = ContrastiveStepTests.Inputs(n, k, c, shape.Queue);
        StepResult ours = device.Run(options, shape, q, key, rows, Step, transform: true);
        ContrastiveStepTests.CheckAll(options, q, key, Stored(rows), n, k, c, Step, ours.Loss, ours.DqRaw, ours.Statistics);
        Assert.Equal(ours.Keys, device.Run(options, shape, q, key, rows, Step, transform: false).Keys);
    }

    private static float[] Stored(FeatureQueue queue) => queue.Type == ElementType.Float32
        ? queue.Float32.ToArray()
        : [.. queue.BFloat16.ToArray().Select(x => BitConverter.UInt32BitsToSingle((uint)x << 16))];

    // To nearest even, by the definition: 8 bits of mantissa.
    private static double RoundToBFloat16(double x) => Round(x, 8);

    private static double RoundToTensorFloat32(double x) => Round(x, 11);

    private static double Round(double x, int bits)
    {
        if (x == 0 || !double.IsFinite(x))
        {
            return x;
        }

        double unit = Math.ScaleB(1, Math.ILogB(x) - bits + 1);
        return Math.Round(x / unit, MidpointRounding.ToEven) * unit;
    }

    private static double Error(double[] expected, IEnumerable<float> actual) => Error(expected, actual.Select(x => (double)x));

    private static double Error(double[] expected, IEnumerable<double> actual) =>
        Math.Sqrt(expected.Zip(actual, (e, a) => (e - a) * (e - a)).Average());
}

/// <summary>Skipped where there is no NVRTC: PTX is checked in for a few of these passes alone.</summary>
public sealed class CudaContrastiveStepOnEmulator : CudaContrastiveStepTests
{
    private protected override TestDevice Open()
    {
        Assert.SkipUnless(Nvrtc.TryLoad(out _, out string? reason), reason ?? "");
        return new TestDevice(OnEmulator.Open());
    }
}

public sealed class CudaContrastiveStepOnGpu : CudaContrastiveStepTests
{
    private protected override TestDevice Open() => new(OnGpu.Open());
}
