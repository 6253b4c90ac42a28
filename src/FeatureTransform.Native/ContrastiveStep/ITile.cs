namespace FeatureTransform.Native;

/// <summary>
/// Both products of the pass, target_i (+)= sum_d A_d B_id, with a panel of query rows along the lanes: A is depth x panel
/// and vector loads, B are scalars that are broadcast from the tile of negatives. Logits: A = Q^^T, d a channel, i a key.
/// Gradient: A = P^T, d a key, i a channel. So nothing is transposed and no lane is ever added to another. The register tile
/// of 6 x 4 vectors does 24 FMA for 10 loads. A sum runs in the order of d, then is added to the target or replaces it.
/// </summary>
internal unsafe interface ITile
{
    /// <summary>Floats of a panel.</summary>
    static abstract int Width { get; }

    /// <summary>Six rows.</summary>
    /// <param name="depth">Terms of each sum, at least 1.</param>
    /// <param name="a">depth x width.</param>
    /// <param name="b">B_id at b[i * rowStride + d * depthStride].</param>
    /// <param name="rowStride">Elements from i to i + 1.</param>
    /// <param name="depthStride">Elements from d to d + 1.</param>
    /// <param name="target">6 x width.</param>
    /// <param name="accumulate">Whether the target is added to or replaced.</param>
    static abstract void Six(int depth, float* a, float* b, nint rowStride, nint depthStride, float* target, bool accumulate);

    /// <summary>Four rows.</summary>
    static abstract void Four(int depth, float* a, float* b, nint rowStride, nint depthStride, float* target, bool accumulate);
}

/// <summary>Any number of rows from register tiles.</summary>
internal static unsafe class Tiles
{
    /// <summary>See <see cref="ITile"/>; up to <see cref="StreamKernels.Padding"/> rows beyond the last are read and written.</summary>
    public static void Multiply<T>(
        int rows, int depth, float* a, float* b, nint rowStride, nint depthStride, float* target, bool accumulate)
        where T : struct, ITile
    {
        while (rows > 0)
        {
            // Even counts are met exactly: a remainder of 2 becomes 4 + 4.
            int height = rows is <= 4 or 7 or 8 ? 4 : 6;
            if (height == 6)
            {
                T.Six(depth, a, b, rowStride, depthStride, target, accumulate);
            }
            else
            {
                T.Four(depth, a, b, rowStride, depthStride, target, accumulate);
            }

            rows -= height;
            b += height * rowStride;
            target += height * T.Width;
        }
    }
}
