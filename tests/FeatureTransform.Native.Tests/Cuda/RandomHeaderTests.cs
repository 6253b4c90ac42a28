using Xunit;

namespace FeatureTransform.Native.Tests.Cuda;

/// <summary>
/// kernels/common/{philox,beta,permutation}.cuh compiled for the host give the bits of their twins in C#.
/// </summary>
public sealed unsafe class RandomHeaderTests(RandomHeaderTests.Headers headers) : IClassFixture<RandomHeaderTests.Headers>
{
    private static readonly (ulong Seed, uint Step, uint Rank)[] Counters =
    [
        (0, 0, 0), (1, 2, 0), (0x123456789abcdef0, 0xffffffff, 5), (ulong.MaxValue, 77, 0xffffff),
    ];

    public static TheoryData<float> Alphas => [0.05f, 0.2f, 0.5f, 1, 1.6f, 2, 5, 50, 100];

    public static TheoryData<int> Sizes => [.. Enumerable.Range(1, 130), 4095, 4096, 65535, 65536, 1_000_003];

    [Fact]
    public void Philox_elements_are_the_same_words()
    {
        var function = (delegate* unmanaged<ulong, uint, uint, uint, ulong, uint, uint*, void>)headers.Function("philox_elements");
        const int count = 1003;
        uint* words = stackalloc uint[count];
        foreach ((ulong seed, uint step, uint rank) in Counters)
        {
            foreach (RandomUse use in Enum.GetValues<RandomUse>())
            {
                foreach (ulong first in new ulong[] { 0, 1, 2, 3, (1UL << 34) - 501, (1UL << 60) + 5 })
                {
                    new Span<uint>(words, count).Fill(0xdeadbeef);
                    function(seed, step, (uint)use, rank, first, count, words);
                    for (int i = 0; i < count; i++)
                    {
                        uint expected = Philox.Element(seed, step, use, first + (ulong)i, rank);
                        Assert.True(expected == words[i], $"seed {seed} step {step} {use} rank {rank} element {first} + {i}: {words[i]}");
                    }
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Alphas))]
    public void Beta_draws_are_the_same_bits(float alpha)
    {
        var function = (delegate* unmanaged<float*, uint, uint*, uint, float*, void>)headers.Function("beta_draws");
        var rows = (delegate* unmanaged<uint, uint>)headers.Function("beta_table_rows");
        var quantile = new BetaQuantile(alpha);
        Assert.Equal((uint)quantile.Table.Length / 4, rows((uint)quantile.RowBits));

        // The ends of every octave on both sides of the middle, and words of the generator.
        var words = new List<uint>();
        for (int bit = 0; bit < 32; bit++)
        {
            uint power = 1u << bit;
            words.AddRange([power - 1, power, power + 1, ~power, 0x80000000 | (power - 1), 0x7fffffff - (power - 1)]);
        }

        words.AddRange(Enumerable.Range(0, 100_000).Select(i => Philox.Element(7, 3, RandomUse.NegativeLambda, (ulong)i)));
        var draws = new float[words.Count];
        Array.Fill(draws, float.NaN);
        fixed (float* table = quantile.Table, target = draws)
        fixed (uint* source = words.ToArray())
        {
            function(table, (uint)quantile.RowBits, source, (uint)words.Count, target);
        }

        for (int i = 0; i < words.Count; i++)
        {
            float expected = quantile.Evaluate(words[i]);
            Assert.True(
                BitConverter.SingleToInt32Bits(expected) == BitConverter.SingleToInt32Bits(draws[i]),
                $"alpha {alpha}, word {words[i]:x8}: {draws[i]:R} instead of {expected:R}");
        }
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Permutations_are_the_same(int count)
    {
        var function = (delegate* unmanaged<ulong, uint, uint, uint, uint*, void>)headers.Function("permutation");
        var values = new uint[count];
        var expected = new int[count];
        foreach ((ulong seed, uint step, uint rank) in Counters)
        {
            Array.Fill(values, uint.MaxValue);
            fixed (uint* target = values)
            {
                function(seed, step, rank, (uint)count, target);
            }

            Permutation.Of(seed, step, rank, count).Fill(0, expected);
            for (int j = 0; j < count; j++)
            {
                Assert.True((uint)expected[j] == values[j], $"K {count} seed {seed} step {step} rank {rank}: pi({j}) = {values[j]}");
            }
        }
    }

    public sealed class Headers : IDisposable
    {
        private HostLibrary? library;

        /// <summary>Compiles when first asked, so that a test and not its set-up is skipped where there is no compiler.</summary>
        public nint Function(string name) => (library ??= new HostLibrary("host_random.cpp")).Function(name);

        public void Dispose() => library?.Dispose();
    }
}
