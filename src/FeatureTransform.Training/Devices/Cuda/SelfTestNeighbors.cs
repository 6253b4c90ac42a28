using FeatureTransform.Native;
using FeatureTransform.Native.Cuda;

namespace FeatureTransform.Training.Devices.Cuda;

/// <summary>k-NN beside <see cref="NearestNeighbors"/>, whose neighbours, order and bits of the cosines it has.</summary>
internal static class SelfTestNeighbors
{
    private const int Neighbors = 20, Classes = 10;

    public static IEnumerable<SelfTestCheck> Run(SelfTestBench bench)
    {
        (int n, int m, int c) = (bench.N, bench.K, bench.C);
        int padded = Knn.Padded(c), capacity = Knn.Capacity(Neighbors);
        int parts = Knn.Parts(n, m, bench.Memory.Context.Device.MultiprocessorCount);
        float[] queries = DeviceBuffers.Uniform(n * c, 1), bank = DeviceBuffers.Uniform(m * c, 2);
        var knn = new Knn(bench.Kernels);
        var search = new KnnSearchArgs
        {
            Queries = Normalize(queries, n),
            Bank = Normalize(bank, m),
            Keys = bench.Memory.Room((long)parts * n * capacity * sizeof(ulong)),
            Counts = bench.Memory.Room((long)parts * n * sizeof(uint)),
            N = (uint)n,
            M = (uint)m,
            Padded = (uint)padded,
            K = Neighbors,
            Capacity = (uint)capacity,
        };
        var vote = new KnnVoteArgs
        {
            Keys = search.Keys,
            Counts = search.Counts,
            Best = bench.Memory.Room(n * Neighbors * sizeof(ulong)),
            Indices = bench.Memory.Room(n * Neighbors * sizeof(int)),
            Similarities = bench.Memory.Room(n * Neighbors * sizeof(float)),
            Labels = bench.Memory.Upload<int>([.. Enumerable.Range(0, m).Select(i => i % Classes)]),
            Votes = bench.Memory.Room(n * Classes * sizeof(double)),
            N = (uint)n,
            K = Neighbors,
            Capacity = (uint)capacity,
            Parts = (uint)parts,
            Classes = Classes,
            Temperature = 0.07f,
        };
        Launch();
        var (indices, similarities) = (new int[n * Neighbors], new float[n * Neighbors]);
        using (var cpu = new NearestNeighbors(bank, c))
        {
            cpu.Search(queries, Neighbors, indices, similarities);
        }

        int different = SelfTestError.DifferentWords<int>(indices, bench.Memory.Read<int>(vote.Indices, indices.Length))
            + SelfTestError.DifferentWords<float>(similarities, bench.Memory.Read<float>(vote.Similarities, indices.Length));
        yield return new("k-NN: neighbours and cosines that differ", different, 0, bench.Time(Launch));

        void Launch()
        {
            knn.Search(bench.Stream, parts, search);
            knn.Vote(bench.Stream, vote);
        }

        ulong Normalize(float[] rows, int count)
        {
            ulong unit = bench.Memory.Room((long)count * padded * sizeof(float));
            knn.Normalize(bench.Stream, new KnnNormalizeArgs
            {
                Rows = bench.Memory.Upload<float>(rows),
                Unit = unit,
                Stride = (ulong)c,
                Count = (uint)count,
                C = (uint)c,
                Padded = (uint)padded,
            });
            return unit;
        }
    }
}
