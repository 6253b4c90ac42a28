using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FeatureTransform.Native;

/// <summary>Eight floats.</summary>
internal readonly unsafe struct Simd256 : ISimd<Vector256<float>>
{
    public static int Lanes => Vector256<float>.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load(float* source) => Vector256.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector256<float> value, float* target) => value.Store(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Broadcast(float value) => Vector256.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Broadcast(float* source) => Vector256.Create(*source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Add(Vector256<float> a, Vector256<float> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Subtract(Vector256<float> a, Vector256<float> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Multiply(Vector256<float> a, Vector256<float> b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> MultiplyAdd(Vector256<float> a, Vector256<float> b, Vector256<float> c) =>
        Vector256.FusedMultiplyAdd(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> AtLeast(Vector256<float> a, Vector256<float> limit) =>
        Vector256.ConditionalSelect(Vector256.LessThan(a, limit), limit, a);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Larger(Vector256<float> a, Vector256<float> limit) =>
        Vector256.ConditionalSelect(Vector256.GreaterThanOrEqual(a, limit), a, limit);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> CountGreater(Vector256<float> count, Vector256<float> a, Vector256<float> b) =>
        (count.AsInt32() - Vector256.GreaterThan(a, b).AsInt32()).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> ToExponent(Vector256<float> value) => (value.AsInt32() << 23).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Accumulate(Vector256<float> value, double* sums)
    {
        (Vector256<double> lower, Vector256<double> upper) = Vector256.Widen(value);
        (Vector256.Load(sums) + lower).Store(sums);
        (Vector256.Load(sums + Vector256<double>.Count) + upper).Store(sums + Vector256<double>.Count);
    }
}
