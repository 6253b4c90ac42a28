using System.Runtime.Intrinsics;

namespace FeatureTransform.Training.Devices.Cpu;

/// <summary>
/// A tile of a matrix product out = A B, 8 rows x 16 columns, in eight accumulators: entries of A are broadcast, 16 columns of
/// B are one vector. A's two strides are free, so the same code multiplies by A and by its transpose.
/// </summary>
internal static unsafe class BroadcastProduct
{
    public const int Rows = 8;

    /// <summary>out[i, 0..15] = sum over j &lt; count of a[i rowStride + j columnStride] b[j bStride + 0..15], i &lt; 8.</summary>
    public static void Tile(float* a, nint rowStride, nint columnStride, int count, float* b, nint bStride, float* output, nint outputStride)
    {
        Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default, s4 = default, s5 = default, s6 = default, s7 = default;
        float* a4 = a + (4 * rowStride);
        nint twice = 2 * rowStride, thrice = 3 * rowStride;
        for (int j = 0; j < count; j++, a += columnStride, a4 += columnStride, b += bStride)
        {
            Vector512<float> v = Vector512.Load(b);
            s0 = Vector512.FusedMultiplyAdd(Vector512.Create(a[0]), v, s0);
            s1 = Vector512.FusedMultiplyAdd(Vector512.Create(a[rowStride]), v, s1);
            s2 = Vector512.FusedMultiplyAdd(Vector512.Create(a[twice]), v, s2);
            s3 = Vector512.FusedMultiplyAdd(Vector512.Create(a[thrice]), v, s3);
            s4 = Vector512.FusedMultiplyAdd(Vector512.Create(a4[0]), v, s4);
            s5 = Vector512.FusedMultiplyAdd(Vector512.Create(a4[rowStride]), v, s5);
            s6 = Vector512.FusedMultiplyAdd(Vector512.Create(a4[twice]), v, s6);
            s7 = Vector512.FusedMultiplyAdd(Vector512.Create(a4[thrice]), v, s7);
        }

        s0.Store(output);
        s1.Store(output + outputStride);
        s2.Store(output + (2 * outputStride));
        s3.Store(output + (3 * outputStride));
        s4.Store(output + (4 * outputStride));
        s5.Store(output + (5 * outputStride));
        s6.Store(output + (6 * outputStride));
        s7.Store(output + (7 * outputStride));
    }
}
