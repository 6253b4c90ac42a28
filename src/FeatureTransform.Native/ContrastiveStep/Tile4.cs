using System.Runtime.CompilerServices;

namespace FeatureTransform.Native;

/// <summary>Register tiles of 6 x 4 and 4 x 4 vectors: for 32 vector registers.</summary>
internal readonly unsafe struct Tile4<V, S> : ITile
    where V : struct
    where S : struct, ISimd<V>
{
    public static int Width => 4 * S.Lanes;

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Six(
        int depth, float* a, float* b, nint rowStride, nint depthStride, float* target, bool accumulate)
    {
        V s00 = default, s01 = default, s02 = default, s03 = default;
        V s10 = default, s11 = default, s12 = default, s13 = default;
        V s20 = default, s21 = default, s22 = default, s23 = default;
        V s30 = default, s31 = default, s32 = default, s33 = default;
        V s40 = default, s41 = default, s42 = default, s43 = default;
        V s50 = default, s51 = default, s52 = default, s53 = default;
        float* upper = b + (3 * rowStride);
        do
        {
            V x0 = S.Load(a), x1 = S.Load(a + S.Lanes), x2 = S.Load(a + (2 * S.Lanes)), x3 = S.Load(a + (3 * S.Lanes));
            V y = S.Broadcast(b);
            s00 = S.MultiplyAdd(x0, y, s00);
            s01 = S.MultiplyAdd(x1, y, s01);
            s02 = S.MultiplyAdd(x2, y, s02);
            s03 = S.MultiplyAdd(x3, y, s03);
            y = S.Broadcast(b + rowStride);
            s10 = S.MultiplyAdd(x0, y, s10);
            s11 = S.MultiplyAdd(x1, y, s11);
            s12 = S.MultiplyAdd(x2, y, s12);
            s13 = S.MultiplyAdd(x3, y, s13);
            y = S.Broadcast(b + (2 * rowStride));
            s20 = S.MultiplyAdd(x0, y, s20);
            s21 = S.MultiplyAdd(x1, y, s21);
            s22 = S.MultiplyAdd(x2, y, s22);
            s23 = S.MultiplyAdd(x3, y, s23);
            y = S.Broadcast(upper);
            s30 = S.MultiplyAdd(x0, y, s30);
            s31 = S.MultiplyAdd(x1, y, s31);
            s32 = S.MultiplyAdd(x2, y, s32);
            s33 = S.MultiplyAdd(x3, y, s33);
            y = S.Broadcast(upper + rowStride);
            s40 = S.MultiplyAdd(x0, y, s40);
            s41 = S.MultiplyAdd(x1, y, s41);
            s42 = S.MultiplyAdd(x2, y, s42);
            s43 = S.MultiplyAdd(x3, y, s43);
            y = S.Broadcast(upper + (2 * rowStride));
            s50 = S.MultiplyAdd(x0, y, s50);
            s51 = S.MultiplyAdd(x1, y, s51);
            s52 = S.MultiplyAdd(x2, y, s52);
            s53 = S.MultiplyAdd(x3, y, s53);
            a += Width;
            b += depthStride;
            upper += depthStride;
        }
        while (--depth > 0);

        Write(s00, s01, s02, s03, target, accumulate);
        Write(s10, s11, s12, s13, target + Width, accumulate);
        Write(s20, s21, s22, s23, target + (2 * Width), accumulate);
        Write(s30, s31, s32, s33, target + (3 * Width), accumulate);
        Write(s40, s41, s42, s43, target + (4 * Width), accumulate);
        Write(s50, s51, s52, s53, target + (5 * Width), accumulate);
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Four(
        int depth, float* a, float* b, nint rowStride, nint depthStride, float* target, bool accumulate)
    {
        V s00 = default, s01 = default, s02 = default, s03 = default;
        V s10 = default, s11 = default, s12 = default, s13 = default;
        V s20 = default, s21 = default, s22 = default, s23 = default;
        V s30 = default, s31 = default, s32 = default, s33 = default;
        do
        {
            V x0 = S.Load(a), x1 = S.Load(a + S.Lanes), x2 = S.Load(a + (2 * S.Lanes)), x3 = S.Load(a + (3 * S.Lanes));
            V y = S.Broadcast(b);
            s00 = S.MultiplyAdd(x0, y, s00);
            s01 = S.MultiplyAdd(x1, y, s01);
            s02 = S.MultiplyAdd(x2, y, s02);
            s03 = S.MultiplyAdd(x3, y, s03);
            y = S.Broadcast(b + rowStride);
            s10 = S.MultiplyAdd(x0, y, s10);
            s11 = S.MultiplyAdd(x1, y, s11);
            s12 = S.MultiplyAdd(x2, y, s12);
            s13 = S.MultiplyAdd(x3, y, s13);
            y = S.Broadcast(b + (2 * rowStride));
            s20 = S.MultiplyAdd(x0, y, s20);
            s21 = S.MultiplyAdd(x1, y, s21);
            s22 = S.MultiplyAdd(x2, y, s22);
            s23 = S.MultiplyAdd(x3, y, s23);
            y = S.Broadcast(b + (3 * rowStride));
            s30 = S.MultiplyAdd(x0, y, s30);
            s31 = S.MultiplyAdd(x1, y, s31);
            s32 = S.MultiplyAdd(x2, y, s32);
            s33 = S.MultiplyAdd(x3, y, s33);
            a += Width;
            b += depthStride;
        }
        while (--depth > 0);

        Write(s00, s01, s02, s03, target, accumulate);
        Write(s10, s11, s12, s13, target + Width, accumulate);
        Write(s20, s21, s22, s23, target + (2 * Width), accumulate);
        Write(s30, s31, s32, s33, target + (3 * Width), accumulate);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Write(V s0, V s1, V s2, V s3, float* target, bool accumulate)
    {
        if (accumulate)
        {
            s0 = S.Add(S.Load(target), s0);
            s1 = S.Add(S.Load(target + S.Lanes), s1);
            s2 = S.Add(S.Load(target + (2 * S.Lanes)), s2);
            s3 = S.Add(S.Load(target + (3 * S.Lanes)), s3);
        }

        S.Store(s0, target);
        S.Store(s1, target + S.Lanes);
        S.Store(s2, target + (2 * S.Lanes));
        S.Store(s3, target + (3 * S.Lanes));
    }
}
