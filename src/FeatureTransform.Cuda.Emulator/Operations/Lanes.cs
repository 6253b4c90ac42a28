using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using FeatureTransform.Cuda.Emulator.Execution;

namespace FeatureTransform.Cuda.Emulator.Operations;

internal interface IUnary<T>
{
    static abstract Vector512<T> Apply(Vector512<T> a);
}

internal interface IBinary<T>
{
    static abstract Vector512<T> Apply(Vector512<T> a, Vector512<T> b);
}

internal interface ITernary<T>
{
    static abstract Vector512<T> Apply(Vector512<T> a, Vector512<T> b, Vector512<T> c);
}

/// <summary>Handlers that run one function over the lanes: 2 vectors of words or 4 of double words.</summary>
internal static unsafe class Lanes
{
    private static readonly Vector512<uint> BitsLow = Vector512.Create(
        1u, 1u << 1, 1u << 2, 1u << 3, 1u << 4, 1u << 5, 1u << 6, 1u << 7,
        1u << 8, 1u << 9, 1u << 10, 1u << 11, 1u << 12, 1u << 13, 1u << 14, 1u << 15);

    private static readonly Vector512<ulong> BitsWide = Vector512.Create(1ul, 2, 4, 8, 16, 32, 64, 128);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unary32<T>(Warp w, Op* op)
        where T : struct, IUnary<uint>
    {
        byte* r = w.R;
        var a = (uint*)(r + op->A);
        Store(w, (uint*)(r + op->D), T.Apply(Vector512.Load(a)), T.Apply(Vector512.Load(a + 16)));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Binary32<T>(Warp w, Op* op)
        where T : struct, IBinary<uint>
    {
        byte* r = w.R;
        var a = (uint*)(r + op->A);
        var b = (uint*)(r + op->B);
        Store(w, (uint*)(r + op->D), T.Apply(Vector512.Load(a), Vector512.Load(b)),
            T.Apply(Vector512.Load(a + 16), Vector512.Load(b + 16)));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Ternary32<T>(Warp w, Op* op)
        where T : struct, ITernary<uint>
    {
        byte* r = w.R;
        var a = (uint*)(r + op->A);
        var b = (uint*)(r + op->B);
        var c = (uint*)(r + op->C);
        Store(w, (uint*)(r + op->D), T.Apply(Vector512.Load(a), Vector512.Load(b), Vector512.Load(c)),
            T.Apply(Vector512.Load(a + 16), Vector512.Load(b + 16), Vector512.Load(c + 16)));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unary64<T>(Warp w, Op* op)
        where T : struct, IUnary<ulong>
    {
        byte* r = w.R;
        var a = (ulong*)(r + op->A);
        var d = (ulong*)(r + op->D);
        for (int i = 0; i < 32; i += 8)
        {
            Store(w, d, i, T.Apply(Vector512.Load(a + i)));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Binary64<T>(Warp w, Op* op)
        where T : struct, IBinary<ulong>
    {
        byte* r = w.R;
        var a = (ulong*)(r + op->A);
        var b = (ulong*)(r + op->B);
        var d = (ulong*)(r + op->D);
        for (int i = 0; i < 32; i += 8)
        {
            Store(w, d, i, T.Apply(Vector512.Load(a + i), Vector512.Load(b + i)));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Ternary64<T>(Warp w, Op* op)
        where T : struct, ITernary<ulong>
    {
        byte* r = w.R;
        var a = (ulong*)(r + op->A);
        var b = (ulong*)(r + op->B);
        var c = (ulong*)(r + op->C);
        var d = (ulong*)(r + op->D);
        for (int i = 0; i < 32; i += 8)
        {
            Store(w, d, i, T.Apply(Vector512.Load(a + i), Vector512.Load(b + i), Vector512.Load(c + i)));
        }
    }

    /// <summary>Words to double words: T sees the operands sign- or zero-extended by <typeparamref name="TExtend"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Widen<TExtend, T>(Warp w, Op* op)
        where TExtend : struct, IExtend
        where T : struct, ITernary<ulong>
    {
        byte* r = w.R;
        var a = (uint*)(r + op->A);
        var b = (uint*)(r + op->B);
        var c = (ulong*)(r + op->C);
        var d = (ulong*)(r + op->D);
        for (int i = 0; i < 32; i += 8)
        {
            Store(w, d, i, T.Apply(TExtend.Extend(Vector256.Load(a + i)), TExtend.Extend(Vector256.Load(b + i)),
                Vector512.Load(c + i)));
        }
    }

    /// <summary>Any scalar function of up to three registers, lane by lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Scalar(Warp w, Op* op)
    {
        byte* r = w.R;
        var body = (delegate*<ulong, ulong, ulong, Op*, ulong>)op->Body;
        byte* a = r + op->A, b = r + op->B, c = r + op->C, d = r + op->D;
        Wide wide = op->Wide;
        for (uint m = w.Mask; m != 0; m &= m - 1)
        {
            int lane = BitOperations.TrailingZeroCount(m);
            ulong x = (wide & Wide.A) != 0 ? ((ulong*)a)[lane] : ((uint*)a)[lane];
            ulong y = (wide & Wide.B) != 0 ? ((ulong*)b)[lane] : ((uint*)b)[lane];
            ulong z = (wide & Wide.C) != 0 ? ((ulong*)c)[lane] : ((uint*)c)[lane];
            ulong result = body(x, y, z, op);
            if ((wide & Wide.D) != 0)
            {
                ((ulong*)d)[lane] = result;
            }
            else
            {
                ((uint*)d)[lane] = (uint)result;
            }
        }
    }

    /// <summary>Stores words for the executing lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Warp w, uint* d, Vector512<uint> low, Vector512<uint> high)
    {
        uint mask = w.Mask;
        if (mask == ~0u)
        {
            low.Store(d);
            high.Store(d + 16);
        }
        else
        {
            Vector512.ConditionalSelect(Select(mask), low, Vector512.Load(d)).Store(d);
            Vector512.ConditionalSelect(Select(mask >> 16), high, Vector512.Load(d + 16)).Store(d + 16);
        }
    }

    /// <summary>Stores eight double words, of lanes from <paramref name="first"/> on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Warp w, ulong* d, int first, Vector512<ulong> value)
    {
        uint mask = w.Mask;
        if (mask == ~0u)
        {
            value.Store(d + first);
        }
        else
        {
            Vector512.ConditionalSelect(SelectWide(mask >> first), value, Vector512.Load(d + first)).Store(d + first);
        }
    }

    /// <summary>All ones in the words whose bit is set in the low 16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Select(uint mask) => Vector512.Equals(Vector512.Create(mask) & BitsLow, BitsLow);

    /// <summary>All ones in the double words whose bit is set in the low 8.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ulong> SelectWide(uint mask) => Vector512.Equals(Vector512.Create((ulong)mask) & BitsWide, BitsWide);
}

internal interface IExtend
{
    static abstract Vector512<ulong> Extend(Vector256<uint> a);
}

internal struct ZeroExtend : IExtend
{
    public static Vector512<ulong> Extend(Vector256<uint> a)
    {
        (Vector256<ulong> low, Vector256<ulong> high) = Vector256.Widen(a);
        return Vector512.Create(low, high);
    }
}

internal struct SignExtend : IExtend
{
    public static Vector512<ulong> Extend(Vector256<uint> a)
    {
        (Vector256<long> low, Vector256<long> high) = Vector256.Widen(a.AsInt32());
        return Vector512.Create(low, high).AsUInt64();
    }
}
