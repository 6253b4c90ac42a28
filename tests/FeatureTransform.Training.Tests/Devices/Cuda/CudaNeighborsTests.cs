using FeatureTransform.Native;
using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Devices.Cuda;
using Xunit;

namespace FeatureTransform.Training.Tests.Devices.Cuda;

/// <summary>The search for neighbours on the CUDA device beside that of the CPU, which has an oracle of its own.</summary>
public abstract class CudaNeighborsTests<TDevice>
    where TDevice : ILayerDevice
{
    [Theory]
    [InlineData(4099, 5, 7)]
    [InlineData(130, 33, 130)]
    public void Neighbours_order_and_bits_are_those_of_the_CPU(int m, int c, int k)
    {
        const int most = 70;
        float[] bank = Ties(m * c, 1);
        using LayerBench cuda = TDevice.Open(CudaPrecision.BFloat16);
        using var cpu = new NearestNeighbors(bank, c, 1);
        using INeighborSearch search = cuda.Device.CreateSearch(bank, c, most, k);
        Assert.IsType<CudaNeighbors>(search);
        foreach (int n in new[] { most, 3 })
        {
            float[] queries = Ties(n * c, 2), expectedCosines = new float[n * k], cosines = new float[n * k];
            int[] expected = new int[n * k], given = new int[n * k];
            cpu.Search(queries, k, expected, expectedCosines);
            search.Search(queries, k, given, cosines);
            Assert.Equal(expected, given);
            Assert.Equal(expectedCosines, cosines);
        }
    }

    [Fact]
    public void A_bank_that_does_not_fit_is_searched_on_the_CPU()
    {
        const int m = 64, c = 4;
        using LayerBench cuda = TDevice.Open(CudaPrecision.BFloat16);

        // 2^29 queries with lists of 256 keys of 8 bytes would take a terabyte.
        using INeighborSearch search = cuda.Device.CreateSearch(Ties(m * c, 1), c, most: 1 << 29, m);
        Assert.IsNotType<CudaNeighbors>(search);
    }

    // Small integers, so that many cosines are equal.
    private static float[] Ties(int count, uint draw) =>
        [.. LayerNumbers.Random(ElementType.Float32, count, draw).Select(value => MathF.Round(3 * value))];
}

public sealed class CudaNeighborsOnEmulator : CudaNeighborsTests<OnEmulatedCuda>;

public sealed class CudaNeighborsOnGpu : CudaNeighborsTests<OnRealCuda>;
