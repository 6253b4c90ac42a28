namespace FeatureTransform.Native.Cuda;

/// <summary>What the launchers share.</summary>
internal static class Launches
{
    private const int Warp = 32;

    /// <summary>Blocks that <paramref name="count"/> pieces of work need.</summary>
    public static uint Blocks(long count, int perBlock) => checked((uint)((count + perBlock - 1) / perBlock));

    /// <summary>Rows that a block takes at a time where groups of up to 32 lanes take a row each: row_groups of rows.cuh.</summary>
    public static int RowsPerBlock(int c, int threads)
    {
        int lanes = Warp;
        while (lanes > 1 && lanes / 2 >= (c + 3) / 4)
        {
            lanes /= 2;
        }

        return threads / lanes;
    }

    /// <summary>The macro that tells a kernel an element type: 1 for bf16.</summary>
    public static string Flag(string macro, ElementType type) => $"{macro}={(type == ElementType.BFloat16 ? 1 : 0)}";

    /// <summary>The macro of kernels/common/positive.cuh.</summary>
    public static string PositiveElements(LambdaScope scope) => $"FT_POSITIVE_ELEMENTS={(scope == LambdaScope.Element ? 1 : 0)}";

    /// <summary>How a kernel's name calls an element type.</summary>
    public static string Suffix(ElementType type) => type == ElementType.Float32 ? "fp32" : "bf16";
}
