namespace FeatureTransform.Native;

/// <summary>
/// One vector width: the operations on <typeparamref name="V"/> that the streaming kernels are written in. Every lane is
/// rounded as the scalar operation is, so all widths give the same bits.
/// </summary>
/// <typeparam name="V">A vector of floats, or a float.</typeparam>
internal unsafe interface ISimd<V>
    where V : struct
{
    /// <summary>Floats in a vector.</summary>
    static abstract int Lanes { get; }

    static abstract V Load(float* source);

    static abstract void Store(V value, float* target);

    static abstract V Broadcast(float value);

    /// <summary>One float in all lanes; with a pointer it becomes a single load.</summary>
    static abstract V Broadcast(float* source);

    static abstract V Add(V a, V b);

    static abstract V Subtract(V a, V b);

    static abstract V Multiply(V a, V b);

    /// <summary>a b + c, rounded once.</summary>
    static abstract V MultiplyAdd(V a, V b, V c);

    /// <summary>a, or the limit where a lies below it; NaN stays.</summary>
    static abstract V AtLeast(V a, V limit);

    /// <summary>a, or the limit where the limit lies above it or is NaN.</summary>
    static abstract V Larger(V a, V limit);

    /// <summary>Adds 1 to the integers whose bits <paramref name="count"/> holds where a lies above b.</summary>
    static abstract V CountGreater(V count, V a, V b);

    /// <summary>The float whose bits are those of <paramref name="value"/> moved left by 23: an exponent from an integer.</summary>
    static abstract V ToExponent(V value);

    /// <summary>Adds the lanes to doubles.</summary>
    static abstract void Accumulate(V value, double* sums);
}
