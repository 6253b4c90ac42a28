using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FeatureTransform.Native;

/// <summary>Four floats.</summary>
internal readonly unsafe struct Simd128 : ISimd<Vector128<float>>
{
    public static int Lanes => Vector128<float>.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Load(float* source) => Vector128.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector128<float> value, float* target) => value.Store(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Broadcast(float value) => Vector128.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Broadcast(float* source) => Vector128.Create(*source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Add(Vector128<float> a, Vector128<float> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Subtract(Vector128<float> a, Vector128<float> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Multiply(Vector128<float> a, Vector128<float> b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> MultiplyAdd(Vector128<float> a, Vector128<float> b, Vector128<float> c) =>
        Vector128.FusedMultiplyAdd(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> AtLeast(Vector128<float> a, Vector128<float> limit) =>
        Vector128.ConditionalSelect(Vector128.LessThan(a, limit), limit, a);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Larger(Vector128<float> a, Vector128<float> limit) =>
        Vector128.ConditionalSelect(Vector128.GreaterThanOrEqual(a, limit), a, limit);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> CountGreater(Vector128<float> count, Vector128<float> a, Vector128<float> b) =>
        (count.AsInt32() - Vector128.GreaterThan(a, b).AsInt32()).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> ToExponent(Vector128<float> value) => (value.AsInt32() << 23).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Accumulate(Vector128<float> value, double* sums)
    {
        (Vector128<double> lower, Vector128<double> upper) = Vector128.Widen(value);
        (Vector128.Load(sums) + lower).Store(sums);
        (Vector128.Load(sums + Vector128<double>.Count) + upper).Store(sums + Vector128<double>.Count);
    }
}
