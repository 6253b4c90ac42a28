using FeatureTransform.Native;

namespace FeatureTransform.Training.Devices.Cuda;

/// <summary>k-NN beside <see cref="NearestNeighbors"/>, whose neighbours, order and bits of the cosines it has.</summary>
internal static class SelfTestNeighbors
{
    private const int Neighbors = 20;

    public static IEnumerable<SelfTestCheck> Run(SelfTestBench bench)
    {
        (int n, int m, int c) = (bench.N, bench.K, bench.C);
        float[] queries = DeviceBuffers.Uniform(n * c, 1), bank = DeviceBuffers.Uniform(m * c, 2);
        var (indices, cosines) = (new int[n * Neighbors], new float[n * Neighbors]);
        var (given, givenCosines) = (new int[n * Neighbors], new float[n * Neighbors]);
        using (var cpu = new NearestNeighbors(bank, c))
        {
            cpu.Search(queries, Neighbors, indices, cosines);
        }

        using var device = new CudaNeighbors(bench.Kernels, bench.Stream, bank, c, n, Neighbors);
        Search();
        int different = SelfTestError.DifferentWords<int>(indices, given) + SelfTestError.DifferentWords<float>(cosines, givenCosines);
        yield return new("k-NN: neighbours and cosines that differ; with copies", different, 0, bench.Time(Search));

        void Search() => device.Search(queries, Neighbors, given, givenCosines);
    }
}
