using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Xunit;

namespace FeatureTransform.Native.Tests;

/// <summary>What holds beside the right values: bits, memory, extremes.</summary>
public sealed class ContrastiveStepProofTests
{
    private const string ExpectedBits = "FT_EXPECTED_BITS", ExpectedWidth = "FT_EXPECTED_WIDTH";

    public static TheoryData<string, int> Widths => new()
    {
        { "AVX512", 16 },
        { "AVX2", 8 },
        { "HWIntrinsic", 2 },
    };

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(7)]
    [InlineData(8)]
    [InlineData(64)]
    public void Threads_and_vector_widths_change_no_bit(int threads)
    {
        Assert.Equal(Environment.GetEnvironmentVariable(ExpectedBits) ?? Bits(5), Bits(threads));
        if (Environment.GetEnvironmentVariable(ExpectedWidth) is string width)
        {
            Assert.Equal(int.Parse(width, System.Globalization.CultureInfo.InvariantCulture), StreamKernels.Best.Width);
        }
    }

    /// <summary>The knobs are those of .NET 10; each run is this test program, which then has narrower vectors or none.</summary>
    [Theory]
    [MemberData(nameof(Widths))]
    public void Every_vector_width_passes_the_same_tests(string instructions, int width)
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable(ExpectedBits) is null, "this is the child");
        Assert.SkipUnless(StreamKernels.Best.Width == 64, "needs a processor with AVX-512");
        bool hosted = Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet";
        string[] program = hosted ? [typeof(ContrastiveStepProofTests).Assembly.Location] : [];
        foreach (string tests in new[] { nameof(ContrastiveStepTests), nameof(ContrastiveStepProofTests) })
        {
            var start = new ProcessStartInfo(Environment.ProcessPath!, [.. program, "-class", $"*.{tests}"]) { RedirectStandardOutput = true };
            start.Environment[$"DOTNET_Enable{instructions}"] = "0";
            start.Environment[ExpectedBits] = Bits(5);
            start.Environment[ExpectedWidth] = $"{width}";
            using Process child = Process.Start(start)!;
            string output = child.StandardOutput.ReadToEnd();
            child.WaitForExit();
            Assert.True(child.ExitCode == 0, $"without {instructions}: {output}");
        }
    }

    [Theory]
    [InlineData(NegativeTransform.Replace, LambdaScope.Element, 0.2f)]
    [InlineData(NegativeTransform.Extend, LambdaScope.Row, 0.01f)]
    public void Stale_memory_is_not_read_and_nothing_is_written_beyond_the_ends(NegativeTransform negative, LambdaScope scope, float tau)
    {
        const int n = 37, k = 301, c = 19, room = 40;
        var options = new FeatureTransformOptions { Negative = negative, NegativeScope = scope, PositiveScope = scope, Tau = tau };
        (float[] q, float[] key, FeatureQueue queue) = Inputs(n, k, c);
        using var step = new ContrastiveStep(options, n + 60, c, 3);
        float[]? expected = null;
        foreach (float rubbish in new[] { 0f, float.NaN, 1e30f })
        {
            // One float aside: not aligned to a vector.
            var buffers = new float[2][];
            for (int i = 0; i < 2; i++)
            {
                buffers[i] = new float[(n * c) + (2 * room) + 1];
                buffers[i].AsSpan().Fill(float.NegativeZero);
            }

            step.Stream.Poison(rubbish);
            Span<float> gradient = buffers[0].AsSpan(room + 1, n * c), keys = buffers[1].AsSpan(room + 1, n * c);
            float loss = step.Run(q, key, queue, 3, true, gradient, keys, new RowStatistics(n));
            float[] result = [loss, .. gradient, .. keys];
            Assert.Equal(expected ??= result, result);
            Assert.True(float.IsFinite(loss));
            foreach (float[] buffer in buffers)
            {
                Assert.All(buffer[..(room + 1)], x => Assert.True(float.IsNegative(x) && x == 0));
                Assert.All(buffer[^room..], x => Assert.True(float.IsNegative(x) && x == 0));
            }
        }
    }

    /// <summary>All negatives equal q, or all equal -q: the loss is known in closed form.</summary>
    [Theory]
    [InlineData(0.005f)]
    [InlineData(0.02f)]
    [InlineData(0.07f)]
    [InlineData(1f)]
    [InlineData(10f)]
    public void Scores_at_their_extremes(float tau)
    {
        const int k = 500, c = 8;
        var options = new FeatureTransformOptions { Tau = tau, Positive = PositiveTransform.None, Negative = NegativeTransform.None };
        foreach ((float key, float negative) in new[] { (1f, 1f), (1f, -1f), (-1f, 1f), (-1f, -1f) })
        {
            float[] q = [1, 0, 0, 0, 0, 0, 0, 0], keys = [key, 0, 0, 0, 0, 0, 0, 0];
            var queue = new FeatureQueue(k, c);
            for (int j = 0; j < k; j++)
            {
                queue.Enqueue([negative, 0, 0, 0, 0, 0, 0, 0]);
            }

            using var step = new ContrastiveStep(options, 1, c);
            float loss = step.Run(q, keys, queue, 0, true, new float[c], new float[c], new RowStatistics(1));
            double gap = (negative - key) / (double)tau;
            double expected = gap > 0 ? gap + Math.Log(k + Math.Exp(-gap)) : Math.Log(1 + (k * Math.Exp(gap)));
            Assert.True(Math.Abs(loss - expected) <= 1e-6 * Math.Max(1e-3, expected), $"{key} {negative}: {loss}, expected {expected}");
        }
    }

    [Theory]
    [InlineData(float.NaN, 0.2f)]
    [InlineData(float.PositiveInfinity, 0.2f)]
    [InlineData(float.NegativeInfinity, 0.2f)]
    [InlineData(float.NegativeInfinity, 0.01f)]
    public void A_queue_that_holds_no_number_gives_no_finite_loss(float bad, float tau)
    {
        foreach (ElementType type in Enum.GetValues<ElementType>())
        {
            (float[] q, float[] key, FeatureQueue queue) = Inputs(5, 150, 8, type);
            queue.Enqueue([0, 0, bad, 0, 0, 0, 0, 0]);
            using var step = new ContrastiveStep(new FeatureTransformOptions { Tau = tau }, 5, 8);
            Assert.True(float.IsNaN(step.Run(q, key, queue, 0, true, new float[40], new float[40], new RowStatistics(5))));
        }
    }

    [Fact]
    public void Long_rows_of_the_queue_neither_overflow_nor_wrap()
    {
        (float[] q, float[] key, FeatureQueue queue) = Inputs(5, 150, 8);
        queue.Enqueue([.. Enumerable.Repeat(1000f, 8)]);
        queue.Enqueue([.. Enumerable.Repeat(-1000f, 8)]);
        var options = new FeatureTransformOptions { Positive = PositiveTransform.None, Negative = NegativeTransform.None };
        using var step = new ContrastiveStep(options, 5, 8);
        var statistics = new RowStatistics(5);
        _ = step.Run(q, key, queue, 0, true, new float[40], new float[40], statistics);
        double[] rows = [.. queue.Float32.ToArray().Select(x => (double)x)];
        var oracle = new ContrastiveOracle(options with { Tau = 1000 }, rows, 150, 8, 0);
        for (int i = 0; i < 5; i++)
        {
            // The largest score decides; its exponential overflows even fp64.
            double length = Math.Sqrt(Enumerable.Range(0, 8).Sum(c => (double)q[(i * 8) + c] * q[(i * 8) + c]));
            double largest = Math.Abs(Enumerable.Range(0, 8).Sum(c => 1000.0 * q[(i * 8) + c] / length));
            double positive = oracle.Row([.. q.Select(x => (double)x)], [.. key.Select(x => (double)x)], i).Positive;
            Assert.Equal(1, statistics.Loss[i] / ((largest - positive) / 0.2), 1e-5);
        }
    }

    [Fact]
    public void Large_and_tiny_embeddings_are_normalised()
    {
        (float[] q, float[] key, FeatureQueue queue) = Inputs(3, 50, 8);
        using var step = new ContrastiveStep(new FeatureTransformOptions(), 3, 8);
        float Loss(float scale) => step.Run(
            [.. q.Select(x => x * scale)], key, queue, 0, true, new float[24], new float[24], new RowStatistics(3));
        Assert.Equal(Loss(1), Loss(1e30f), 1e-5f);
        Assert.Equal(Loss(1), Loss(1e-9f), 1e-5f);
    }

    private static string Bits(int threads)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach ((int n, int k, int c, ElementType type) in new[]
        {
            (70, 1000, 24, ElementType.Float32), (5, 130, 7, ElementType.BFloat16), (130, 257, 150, ElementType.Float32),
        })
        {
            foreach (LambdaScope scope in Enum.GetValues<LambdaScope>())
            {
                foreach ((NegativeTransform negative, float tau) in new[] { (NegativeTransform.Replace, 0.2f), (NegativeTransform.Extend, 0.01f) })
                {
                    (float[] q, float[] key, FeatureQueue queue) = Inputs(n, k, c, type);
                    using var step = new ContrastiveStep(
                        new FeatureTransformOptions
                        {
                            Tau = tau,
                            Negative = negative,
                            NegativeScope = scope,
                            PositiveScope = scope,
                            NegativeNormalize = scope == LambdaScope.Row,
                        },
                        n, c, threads);
                    var (gradient, keys, statistics) = (new float[n * c], new float[n * c], new RowStatistics(n));
                    _ = step.Run(q, key, queue, 3, true, gradient, keys, statistics);
                    foreach (float[] values in new[] { gradient, keys, statistics.Loss, statistics.NegativeVariance, statistics.NegativeExp })
                    {
                        hash.AppendData(MemoryMarshal.AsBytes<float>(values));
                    }
                }
            }
        }

        return Convert.ToHexString(hash.GetHashAndReset());
    }

    private static (float[] Q, float[] K, FeatureQueue Queue) Inputs(int n, int k, int c, ElementType type = ElementType.Float32) =>
        ContrastiveStepTests.Inputs(n, k, c, type);
}
