using System.Runtime.CompilerServices;

namespace FeatureTransform.Native;

/// <summary>
/// From logits to exponentials, in place, with the statistics on the way. exp(s / tau) = 2^n 2^r with n the integer nearest
/// to s log2(e) / tau: adding <see cref="Magic"/> rounds to n and leaves n + 127 in the low bits, ready to be moved into the
/// exponent. 2^r for |r| up to 1/2 is a polynomial of degree 6 (relative error 2e-9 before rounding).
/// </summary>
internal static unsafe class ExponentKernel<V, S>
    where V : struct
    where S : struct, ISimd<V>
{
    private const float Magic = 12582912f + 127f; // 1.5 * 2^23, whose last place is 1, and the bias of an exponent
    private const float Vanished = -127f; // the exponent whose power of two is made 0

    // Minimax in relative error on [-1/2, 1/2], with the constant term held at 1.
    private const float P1 = 0.69314718f, P2 = 0.24022648f, P3 = 0.055503324f;
    private const float P4 = 0.009618437f, P5 = 0.0013398875f, P6 = 0.00015353362f;

    /// <summary>Without a shift: for scores whose exponentials can neither overflow nor vanish.</summary>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Plain(float* tile, int keys, int width, in Panel panel, ExponentScale scale)
    {
        V high = S.Broadcast(scale.High), low = S.Broadcast(scale.Low), magic = S.Broadcast(Magic);
        for (int lane = 0; lane < width; lane += S.Lanes)
        {
            V positive = S.Load(panel.Positive + lane), rank = S.Load(panel.Rank + lane);
            V score = default, square = default, exp = default;
            float* cell = tile + lane;
            for (int j = 0; j < keys; j++)
            {
                V s = S.Load(cell);
                score = S.Add(score, s);
                square = S.MultiplyAdd(s, s, square);
                rank = S.CountGreater(rank, s, positive);
                V n = S.MultiplyAdd(s, high, magic);
                V r = S.MultiplyAdd(s, low, S.MultiplyAdd(s, high, S.Subtract(magic, n)));
                V p = S.Multiply(Power(r), S.ToExponent(n));
                exp = S.Add(exp, p);
                S.Store(p, cell);
                cell += width;
            }

            S.Store(rank, panel.Rank + lane);
            S.Accumulate(score, panel.Score + lane);
            S.Accumulate(square, panel.Square + lane);
            S.Accumulate(exp, panel.Exp + lane);
        }
    }

    /// <summary>With the shift of each row, which no score exceeds.</summary>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Shifted(float* tile, int keys, int width, in Panel panel, ExponentScale scale)
    {
        V high = S.Broadcast(scale.High), low = S.Broadcast(scale.Low), magic = S.Broadcast(Magic);
        V vanished = S.Broadcast(Vanished);
        for (int lane = 0; lane < width; lane += S.Lanes)
        {
            V positive = S.Load(panel.Positive + lane), rank = S.Load(panel.Rank + lane);
            V shift = S.Subtract(default, S.Load(panel.Shift + lane));
            V score = default, square = default, exp = default;
            float* cell = tile + lane;
            for (int j = 0; j < keys; j++)
            {
                V s = S.Load(cell);
                score = S.Add(score, s);
                square = S.MultiplyAdd(s, s, square);
                rank = S.CountGreater(rank, s, positive);
                V t = S.AtLeast(S.MultiplyAdd(s, low, S.MultiplyAdd(s, high, shift)), vanished);
                V n = S.Add(t, magic);
                V p = S.Multiply(Power(S.Add(t, S.Subtract(magic, n))), S.ToExponent(n));
                exp = S.Add(exp, p);
                S.Store(p, cell);
                cell += width;
            }

            S.Store(rank, panel.Rank + lane);
            S.Accumulate(score, panel.Score + lane);
            S.Accumulate(square, panel.Square + lane);
            S.Accumulate(exp, panel.Exp + lane);
        }
    }

    /// <summary>
    /// Raises the shifts to the largest scores of the block. They are integers, so that what has been summed is multiplied by
    /// powers of two: exactly.
    /// </summary>
    public static void Raise(float* tile, int keys, int channels, int width, in Panel panel, bool first, ExponentScale scale)
    {
        V magic = S.Broadcast(Magic), vanished = S.Broadcast(Vanished), high = S.Broadcast(scale.High);
        float* factors = stackalloc float[S.Lanes];
        for (int lane = 0; lane < width; lane += S.Lanes)
        {
            V largest = S.Load(tile + lane);
            for (int j = 1; j < keys; j++)
            {
                largest = S.Larger(S.Load(tile + ((nint)j * width) + lane), largest);
            }

            V old = S.Load(panel.Shift + lane);
            V rounded = S.Subtract(S.MultiplyAdd(largest, high, magic), magic);
            V shift = S.Larger(rounded, old);
            S.Store(shift, panel.Shift + lane);
            V factor = S.ToExponent(S.Add(S.AtLeast(S.Subtract(old, shift), vanished), magic));
            S.Store(factor, factors);
            if (first || new ReadOnlySpan<float>(factors, S.Lanes).IndexOfAnyExcept(1f) < 0)
            {
                continue;
            }

            for (int i = 0; i < S.Lanes; i++)
            {
                panel.Exp[lane + i] *= factors[i];
            }

            for (int c = 0; c < channels; c++)
            {
                float* sum = panel.Gradient + ((nint)c * width) + lane;
                S.Store(S.Multiply(factor, S.Load(sum)), sum);
            }
        }
    }

    // 2^r for |r| <= 1/2.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Power(V r)
    {
        V p = S.MultiplyAdd(S.Broadcast(P6), r, S.Broadcast(P5));
        p = S.MultiplyAdd(p, r, S.Broadcast(P4));
        p = S.MultiplyAdd(p, r, S.Broadcast(P3));
        p = S.MultiplyAdd(p, r, S.Broadcast(P2));
        p = S.MultiplyAdd(p, r, S.Broadcast(P1));
        return S.MultiplyAdd(p, r, S.Broadcast(1f));
    }
}
