using Xunit;

namespace FeatureTransform.Native.Tests.Random;

public sealed class PhiloxTests
{
    /// <summary>The known answers that Random123 publishes for philox4x32-10 (kat_vectors).</summary>
    [Theory]
    [InlineData(0u, 0u, 0u, 0u, 0u, 0u, 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u)]
    [InlineData(
        0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu,
        0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu)]
    [InlineData(
        0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u, 0xa4093822u, 0x299f31d0u,
        0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u)]
    public void Gives_the_published_answers(
        uint c0, uint c1, uint c2, uint c3, uint k0, uint k1, uint x, uint y, uint z, uint w) =>
        Assert.Equal(new PhiloxBlock(x, y, z, w), Philox.Block(c0, c1, c2, c3, k0, k1));

    [Fact]
    public void Lays_the_counter_out_as_index_step_stream_and_rank()
    {
        PhiloxBlock expected = Philox.Block(0x9abcdef0, 0x02345678, 77, 1 | (5 << 8), 0xdeadbeef, 0x01020304);
        Assert.Equal(expected, Philox.Block(0x01020304deadbeef, 77, RandomUse.NegativeLambda, 0x023456789abcdef0, 5));
        Assert.Equal(expected.Z, Philox.Element(0x01020304deadbeef, 77, RandomUse.NegativeLambda, (0x023456789abcdef0UL << 2) | 2, 5));
    }
}
