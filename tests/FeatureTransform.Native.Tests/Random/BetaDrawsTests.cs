using Xunit;

namespace FeatureTransform.Native.Tests.Random;

public sealed class BetaDrawsTests
{
    [Theory]
    [InlineData(0.05f)]
    [InlineData(0.29f)]
    [InlineData(0.3f)]
    [InlineData(1.6f)]
    [InlineData(100f)]
    public unsafe void Many_at_a_time_have_the_bits_of_one_by_one(float alpha)
    {
        const int behind = BetaDraws.Behind, before = BetaDraws.Before;
        var quantile = new BetaQuantile(alpha);
        var draws = new BetaDraws(quantile);
        foreach ((ulong first, int count) in new[] { (0UL, 1), (3UL, 1000), (17_179_869_183UL, 70), (5UL, 33), ((1UL << 34) - 90, 5000) })
        {
            var room = new float[before + count + behind + 2];
            room.AsSpan().Fill(-7);
            fixed (float* target = room)
            {
                draws.Fill(9, 8, RandomUse.NegativeLambda, 7, first, count, target + before + 1);
            }

            Assert.Equal((-7f, -7f), (room[0], room[^1]));
            for (int i = 0; i < count; i++)
            {
                Assert.Equal(quantile.Evaluate(Philox.Element(9, 8, RandomUse.NegativeLambda, first + (ulong)i, 7)), room[before + 1 + i]);
            }
        }
    }
}
