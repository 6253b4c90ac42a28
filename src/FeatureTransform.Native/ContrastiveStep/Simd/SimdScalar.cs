using static System.BitConverter;

namespace FeatureTransform.Native;

/// <summary>One float: for processors and runtimes without vectors.</summary>
internal readonly unsafe struct SimdScalar : ISimd<float>
{
    public static int Lanes => 1;

    public static float Load(float* source) => *source;

    public static void Store(float value, float* target) => *target = value;

    public static float Broadcast(float value) => value;

    public static float Broadcast(float* source) => *source;

    public static float Add(float a, float b) => a + b;

    public static float Subtract(float a, float b) => a - b;

    public static float Multiply(float a, float b) => a * b;

    public static float MultiplyAdd(float a, float b, float c) => MathF.FusedMultiplyAdd(a, b, c);

    public static float AtLeast(float a, float limit) => a < limit ? limit : a;

    public static float Larger(float a, float limit) => a >= limit ? a : limit;

    public static float CountGreater(float count, float a, float b) =>
        a > b ? Int32BitsToSingle(SingleToInt32Bits(count) + 1) : count;

    public static float ToExponent(float value) => Int32BitsToSingle(SingleToInt32Bits(value) << 23);

    public static void Accumulate(float value, double* sums) => *sums += value;
}
