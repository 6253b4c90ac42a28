using System.Runtime.CompilerServices;

namespace FeatureTransform.Native;

/// <summary>Register tiles of 6 x 2 and 4 x 2 vectors: for 16 vector registers.</summary>
internal readonly unsafe struct Tile2<V, S> : ITile
    where V : struct
    where S : struct, ISimd<V>
{
    public static int Width => 2 * S.Lanes;

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Six(
        int depth, float* a, float* b, nint rowStride, nint depthStride, float* target, bool accumulate)
    {
        V s00 = default, s01 = default;
        V s10 = default, s11 = default;
        V s20 = default, s21 = default;
        V s30 = default, s31 = default;
        V s40 = default, s41 = default;
        V s50 = default, s51 = default;
        float* upper = b + (3 * rowStride);
        do
        {
            V x0 = S.Load(a), x1 = S.Load(a + S.Lanes);
            V y = S.Broadcast(b);
            s00 = S.MultiplyAdd(x0, y, s00);
            s01 = S.MultiplyAdd(x1, y, s01);
            y = S.Broadcast(b + rowStride);
            s10 = S.MultiplyAdd(x0, y, s10);
            s11 = S.MultiplyAdd(x1, y, s11);
            y = S.Broadcast(b + (2 * rowStride));
            s20 = S.MultiplyAdd(x0, y, s20);
            s21 = S.MultiplyAdd(x1, y, s21);
            y = S.Broadcast(upper);
            s30 = S.MultiplyAdd(x0, y, s30);
            s31 = S.MultiplyAdd(x1, y, s31);
            y = S.Broadcast(upper + rowStride);
            s40 = S.MultiplyAdd(x0, y, s40);
            s41 = S.MultiplyAdd(x1, y, s41);
            y = S.Broadcast(upper + (2 * rowStride));
            s50 = S.MultiplyAdd(x0, y, s50);
            s51 = S.MultiplyAdd(x1, y, s51);
            a += Width;
            b += depthStride;
            upper += depthStride;
        }
        while (--depth > 0);

        Write(s00, s01, target, accumulate);
        Write(s10, s11, target + Width, accumulate);
        Write(s20, s21, target + (2 * Width), accumulate);
        Write(s30, s31, target + (3 * Width), accumulate);
        Write(s40, s41, target + (4 * Width), accumulate);
        Write(s50, s51, target + (5 * Width), accumulate);
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Four(
        int depth, float* a, float* b, nint rowStride, nint depthStride, float* target, bool accumulate)
    {
        V s00 = default, s01 = default;
        V s10 = default, s11 = default;
        V s20 = default, s21 = default;
        V s30 = default, s31 = default;
        do
        {
            V x0 = S.Load(a), x1 = S.Load(a + S.Lanes);
            V y = S.Broadcast(b);
            s00 = S.MultiplyAdd(x0, y, s00);
            s01 = S.MultiplyAdd(x1, y, s01);
            y = S.Broadcast(b + rowStride);
            s10 = S.MultiplyAdd(x0, y, s10);
            s11 = S.MultiplyAdd(x1, y, s11);
            y = S.Broadcast(b + (2 * rowStride));
            s20 = S.MultiplyAdd(x0, y, s20);
            s21 = S.MultiplyAdd(x1, y, s21);
            y = S.Broadcast(b + (3 * rowStride));
            s30 = S.MultiplyAdd(x0, y, s30);
            s31 = S.MultiplyAdd(x1, y, s31);
            a += Width;
            b += depthStride;
        }
        while (--depth > 0);

        Write(s00, s01, target, accumulate);
        Write(s10, s11, target + Width, accumulate);
        Write(s20, s21, target + (2 * Width), accumulate);
        Write(s30, s31, target + (3 * Width), accumulate);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Write(V s0, V s1, float* target, bool accumulate)
    {
        if (accumulate)
        {
            s0 = S.Add(S.Load(target), s0);
            s1 = S.Add(S.Load(target + S.Lanes), s1);
        }

        S.Store(s0, target);
        S.Store(s1, target + S.Lanes);
    }
}
