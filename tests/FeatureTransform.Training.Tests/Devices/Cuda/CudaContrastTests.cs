using FeatureTransform.Native;
using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Devices.Cpu;
using Xunit;

namespace FeatureTransform.Training.Tests.Devices.Cuda;

/// <summary>The contrastive step and its queue on the CUDA device beside those of the CPU, which have an oracle of their own.</summary>
public abstract class CudaContrastTests<TDevice>
    where TDevice : ILayerDevice
{
    private const int N = 10, C = 32, K = 24;

    [Theory]
    [InlineData(ElementType.Float32, LambdaScope.Batch)]
    [InlineData(ElementType.Float32, LambdaScope.Element)]
    [InlineData(ElementType.BFloat16, LambdaScope.Row)]
    public void Steps_and_queue_follow_those_of_the_CPU(ElementType queueType, LambdaScope scope)
    {
        var options = new FeatureTransformOptions { Tau = 0.2f, Seed = 5, PositiveScope = scope, NegativeScope = scope };
        using var cpu = new CpuDevice(ElementType.Float32, 1);
        using LayerBench cuda = TDevice.Open(CudaPrecision.Float32);
        using IContrast expected = cpu.CreateContrast(options, Queue(queueType, 1), N);
        using IContrast given = cuda.Device.CreateContrast(options, Queue(queueType, 1), N);

        // The transformation begins in the second step; the ring turns over; in the fourth step the plain statistics come first, and
        // then both continue with another queue, at a step further on, as after a resume.
        for (uint step = 0; step < 6; step++)
        {
            uint number = step < 4 ? step : step + 100;
            if (step == 4)
            {
                expected.WriteQueue(Queue(queueType, 2));
                given.WriteQueue(Queue(queueType, 2));
            }

            Compare(number, transform: step > 0, plain: step == 3);
            FeatureQueue a = expected.ReadQueue(), b = given.ReadQueue();
            Assert.Equal(a.Position, b.Position);
            AssertClose(Rows(a), Rows(b), queueType == ElementType.Float32 ? 1e-6f : 1f / 256);
        }

        void Compare(uint step, bool transform, bool plain)
        {
            RowStatistics? plainRows = plain ? new RowStatistics(N) : null, cudaPlainRows = plain ? new RowStatistics(N) : null;
            float[] q = Values(step, 1), k = Values(step, 2);
            (float loss, float[] gradient, RowStatistics rows) = Run(cpu, expected, q, k, step, transform, plainRows);
            (float cudaLoss, float[] cudaGradient, RowStatistics cudaRows) = Run(cuda.Device, given, q, k, step, transform, cudaPlainRows);
            Assert.Equal(loss, cudaLoss, 1e-5f);
            AssertClose(gradient, cudaGradient, 1e-5f);
            CompareRows(rows, cudaRows);
            if (plain)
            {
                CompareRows(plainRows!, cudaPlainRows!);
                Assert.NotEqual(rows.Loss, plainRows!.Loss);
            }
        }

        static void CompareRows(RowStatistics rows, RowStatistics cudaRows)
        {
            AssertClose(rows.Loss, cudaRows.Loss, 2e-5f);
            AssertClose(rows.PositiveScore, cudaRows.PositiveScore, 1e-5f);
            AssertClose(rows.NegativeMean, cudaRows.NegativeMean, 1e-5f);
            AssertClose(rows.NegativeVariance, cudaRows.NegativeVariance, 1e-5f);
            AssertClose(rows.PositiveExp, cudaRows.PositiveExp, 1e-4f * rows.PositiveExp.Max());
            AssertClose(rows.NegativeExp, cudaRows.NegativeExp, 1e-4f * rows.NegativeExp.Max());
            Assert.Equal(rows.Rank, cudaRows.Rank);
        }
    }

    [Theory]
    [InlineData(CudaPrecision.Float32)]
    [InlineData(CudaPrecision.BFloat16)]
    public void Rows_are_scattered_by_the_order(CudaPrecision precision)
    {
        using LayerBench cuda = TDevice.Open(precision);
        int[] order = [3, 0, 4, 1, 2];
        float[] rows = [.. Enumerable.Range(0, 5 * 7).Select(i => (float)i)];
        Tensor matrix = cuda.Device.Upload(rows, 5, 7), scattered = cuda.Device.ScatterRows(matrix, order);
        float[] given = cuda.Read(scattered);
        for (int i = 0; i < 5; i++)
        {
            Assert.Equal(rows[(i * 7)..((i + 1) * 7)], given[(order[i] * 7)..((order[i] + 1) * 7)]);
        }

        cuda.Device.Free(matrix);
        cuda.Device.Free(scattered);
    }

    private static (float Loss, float[] Gradient, RowStatistics Rows) Run(
        IDevice device, IContrast contrast, float[] q, float[] k, uint step, bool transform, RowStatistics? plain)
    {
        var rows = new RowStatistics(N);
        Tensor queries = device.Upload(q, N, C), keys = device.Upload(k, N, C);
        contrast.Begin(step, transform);
        if (plain is not null)
        {
            contrast.ReadPlain(queries, keys, plain);
        }

        Tensor gradient = contrast.Run(queries, keys);
        contrast.Enqueue();
        contrast.Publish();
        var values = new float[N * C];
        device.Download(gradient, values);
        device.Free(queries);
        device.Free(keys);
        device.Free(gradient);
        return (contrast.Read(rows), values, rows);
    }

    private static FeatureQueue Queue(ElementType type, ulong seed)
    {
        var queue = new FeatureQueue(K, C, type);
        queue.Initialize(seed);
        queue.Enqueue(Unit(Values(77, 3)));
        return queue;
    }

    private static float[] Unit(float[] rows) =>
        [.. rows.Chunk(C).SelectMany(row => row.Select(value => value / (float)Math.Sqrt(row.Sum(x => (double)x * x))))];

    private static float[] Values(uint step, uint draw) =>
        [.. Enumerable.Range(0, N * C).Select(i => (Philox.Element(draw, step, RandomUse.Augmentation, (ulong)i) / 2147483648f) - 1)];

    private static float[] Rows(FeatureQueue queue) => queue.Type == ElementType.Float32
        ? queue.Float32.ToArray()
        : [.. queue.BFloat16.ToArray().Select(bits => BitConverter.UInt32BitsToSingle((uint)bits << 16))];

    private static void AssertClose(float[] expected, float[] given, float bound)
    {
        Assert.Equal(expected.Length, given.Length);
        for (int i = 0; i < given.Length; i++)
        {
            Assert.True(Math.Abs(expected[i] - given[i]) <= bound, $"[{i}]: {given[i]:G9}, expected {expected[i]:G9} within {bound:E1}");
        }
    }
}

public sealed class CudaContrastOnEmulator : CudaContrastTests<OnEmulatedCuda>;

public sealed class CudaContrastOnGpu : CudaContrastTests<OnRealCuda>;
