using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FeatureTransform.Native;

/// <summary>Sixteen floats.</summary>
internal readonly unsafe struct Simd512 : ISimd<Vector512<float>>
{
    public static int Lanes => Vector512<float>.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(float* source) => Vector512.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> value, float* target) => value.Store(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Broadcast(float value) => Vector512.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Broadcast(float* source) => Vector512.Create(*source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Add(Vector512<float> a, Vector512<float> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Subtract(Vector512<float> a, Vector512<float> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Multiply(Vector512<float> a, Vector512<float> b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> MultiplyAdd(Vector512<float> a, Vector512<float> b, Vector512<float> c) =>
        Vector512.FusedMultiplyAdd(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> AtLeast(Vector512<float> a, Vector512<float> limit) =>
        Vector512.ConditionalSelect(Vector512.LessThan(a, limit), limit, a);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Larger(Vector512<float> a, Vector512<float> limit) =>
        Vector512.ConditionalSelect(Vector512.GreaterThanOrEqual(a, limit), a, limit);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> CountGreater(Vector512<float> count, Vector512<float> a, Vector512<float> b) =>
        (count.AsInt32() - Vector512.GreaterThan(a, b).AsInt32()).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> ToExponent(Vector512<float> value) => (value.AsInt32() << 23).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Accumulate(Vector512<float> value, double* sums)
    {
        (Vector512<double> lower, Vector512<double> upper) = Vector512.Widen(value);
        (Vector512.Load(sums) + lower).Store(sums);
        (Vector512.Load(sums + Vector512<double>.Count) + upper).Store(sums + Vector512<double>.Count);
    }
}
