using FeatureTransform.Benchmarks.Static;
using Xunit;

namespace FeatureTransform.Native.Tests.Static;

/// <summary>
/// The model against the published figures of a prototype (K 65536, C 128): its instructions a key tile in, its microseconds out.
/// Rows that shared memory bounds on the H100 take their wavefronts from the share that the prototype's A100 figures state.
/// </summary>
public sealed class PassModelTests
{
    // query rows, keys, warps, blocks a multiprocessor; HMMA and instructions a warp and key tile; share of shared memory on
    // A100;
    // microseconds at N 256, 1024, 4096 on A100 and on H100.
    public static TheoryData<int, int, int, int, int, int, double, int[], int[]> Published => new()
    {
        { 64, 64, 4, 1, 128, 814, 0.76, [57, 229, 913], [37, 146, 580] },
        { 64, 64, 4, 1, 128, 914, 0.63, [62, 246, 982], [41, 160, 637] },
        { 128, 64, 8, 1, 128, 682, 0.95, [46, 184, 735], [31, 123, 488] },
        { 128, 32, 8, 1, 64, 353, 0.93, [47, 187, 747], [31, 122, 487] },
        { 128, 64, 4, 1, 256, 1232, 0.52, [49, 195, 778], [31, 123, 485] },
        { 128, 32, 4, 2, 128, 678, 0.65, [46, 183, 733], [29, 114, 450] },
        { 256, 32, 8, 1, 128, 556, 0.60, [42, 167, 668], [26, 102, 405] },
        { 256, 32, 8, 1, 128, 574, 0.60, [42, 170, 678], [27, 104, 412] },
        { 256, 32, 8, 1, 128, 1081, 0.74, [59, 237, 947], [39, 153, 604] },
        { 256, 32, 8, 1, 128, 550, 0.69, [42, 166, 665], [26, 102, 402] },
        { 256, 32, 8, 1, 128, 572, 0.69, [42, 169, 677], [26, 104, 409] },
        { 256, 32, 8, 1, 128, 1067, 0.84, [59, 235, 940], [39, 152, 600] },
        { 256, 32, 8, 1, 128, 442, 0.57, [38, 152, 608], [23, 92, 362] },
        { 128, 32, 4, 1, 256, 1219, 0.66, [97, 387, 1545], [61, 236, 939] },
        { 128, 32, 8, 1, 128, 689, 0.94, [92, 370, 1476], [63, 245, 974] },
    };

    [Theory]
    [MemberData(nameof(Published))]
    public void The_model_gives_the_published_microseconds(
        int rows, int keys, int warps, int blocks, int tensor, int instructions, double shared, int[] a100, int[] h100)
    {
        var tile = new PassTile(rows, keys, warps, blocks);
        var issue = new WarpTile(tensor, instructions, 0, 0, 0);
        double wavefronts = shared * PassModel.Cycles(ModelDevice.A100, tile, issue) / (warps * blocks);
        foreach ((ModelDevice device, int[] published) in new[] { (ModelDevice.A100, a100), (ModelDevice.H100, h100) })
        {
            double[] model = [.. new[] { 256, 1024, 4096 }.Select(n =>
                PassModel.Microseconds(device, tile, issue with { Wavefronts = wavefronts }, n, 65536))];
            for (int i = 0; i < 3; i++)
            {
                // Half a microsecond is the table's rounding.
                Assert.InRange(model[i], (published[i] * 0.98) - 0.5, (published[i] * 1.02) + 0.5);
            }
        }
    }

    [Fact]
    public void The_smaller_tile_on_a_GeForce_gives_the_published_microseconds()
    {
        var (tile, warp) = (new PassTile(128, 32, 8, 1), new WarpTile(64, 353, 0, 0, 0));
        double Time(int n) => Math.Round(PassModel.Microseconds(ModelDevice.Rtx4090, tile, warp, n, 65536));
        Assert.Equal([61, 244, 977], new[] { Time(256), Time(1024), Time(4096) });
    }

    [Fact]
    public void The_busiest_part_of_a_multiprocessor_decides()
    {
        var tile = new PassTile(256, 32, 8, 1);
        var warp = new WarpTile(10, 20, 0, 0, 0);
        Assert.Equal(2 * (80 + 12.3), PassModel.Cycles(ModelDevice.A100, tile, warp), 9);
        Assert.Equal(8 * 50, PassModel.Cycles(ModelDevice.A100, tile, warp with { Wavefronts = 50 }), 9);
        Assert.Equal(8 * 2 * 40, PassModel.Cycles(ModelDevice.A100, tile, warp with { Special = 40 }), 9);
        Assert.Equal(8 * 6400 / 64, PassModel.Cycles(ModelDevice.A100, tile, warp with { GlobalBytes = 6400 }), 9);
    }

    [Fact]
    public void A_range_of_tiles_rounds_up_and_so_do_tails()
    {
        var (tile, warp) = (new PassTile(256, 32, 8, 1), new WarpTile(128, 442, 0, 0, 0));
        double one = PassModel.Microseconds(ModelDevice.A100, tile, warp, 1, 1);
        Assert.Equal(one, PassModel.Microseconds(ModelDevice.A100, tile, warp, 256, 108 * 32), 9);
        Assert.Equal(2 * one, PassModel.Microseconds(ModelDevice.A100, tile, warp, 257, 108 * 32), 9);
        Assert.Equal(2 * one, PassModel.Microseconds(ModelDevice.A100, tile, warp, 256, (108 * 32) + 1), 9);
    }
}
