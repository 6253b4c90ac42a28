using System.Runtime.Intrinsics;

namespace FeatureTransform.Native;

/// <summary>
/// Vectors of a few channels, padded to a multiple of 16 floats. Sums run over sixteen lanes whatever the processor, so that
/// all give the same bits.
/// </summary>
internal static unsafe class RowMath
{
    /// <summary>Padded lengths are multiples of this.</summary>
    public const int Lanes = 16;

    private const double TinyNorm = 1e-12;

    /// <summary>The least multiple of 16 that holds <paramref name="c"/> floats.</summary>
    public static int Padded(int c) => (c + Lanes - 1) / Lanes * Lanes;

    /// <summary>Copies c floats and sets those behind, up to the padded length, to zero.</summary>
    public static void Copy(float* source, float* target, int c)
    {
        new ReadOnlySpan<float>(source, c).CopyTo(new Span<float>(target, c));
        ClearTail(target, c);
    }

    /// <summary>Sets the floats behind the c-th, up to the padded length, to zero.</summary>
    public static void ClearTail(float* row, int c) => new Span<float>(row + c, Padded(c) - c).Clear();

    /// <summary>a . b.</summary>
    public static float Dot(float* a, float* b, int padded)
    {
        Vector512<float> total = default;
        for (int i = 0; i < padded; i += Lanes)
        {
            total = Vector512.FusedMultiplyAdd(Vector512.Load(a + i), Vector512.Load(b + i), total);
        }

        Vector256<float> eight = total.GetLower() + total.GetUpper();
        Vector128<float> four = eight.GetLower() + eight.GetUpper();
        return four[0] + four[1] + (four[2] + four[3]);
    }

    /// <summary>|v| of any number of floats, summed in double: no float overflows it.</summary>
    public static double Norm(float* v, int count)
    {
        Vector512<double> even = default, odd = default;
        int i = 0;
        for (; i + Lanes <= count; i += Lanes)
        {
            (Vector512<double> lower, Vector512<double> upper) = Vector512.Widen(Vector512.Load(v + i));
            even = Vector512.FusedMultiplyAdd(lower, lower, even);
            odd = Vector512.FusedMultiplyAdd(upper, upper, odd);
        }

        Vector512<double> total = even + odd;
        Vector256<double> four = total.GetLower() + total.GetUpper();
        double sum = four[0] + four[1] + (four[2] + four[3]);
        for (; i < count; i++)
        {
            sum += (double)v[i] * v[i];
        }

        return Math.Sqrt(sum);
    }

    /// <summary>Divides by max(|v|, 1e-12); returns |v|. An infinity becomes NaN.</summary>
    public static double Normalize(float* v, int padded)
    {
        double norm = Norm(v, padded);
        var scale = Vector512.Create(1 / Math.Max(norm, TinyNorm));
        for (int i = 0; i < padded; i += Lanes)
        {
            // In double: the reciprocal of a large norm is no normal float.
            (Vector512<double> lower, Vector512<double> upper) = Vector512.Widen(Vector512.Load(v + i));
            Vector512.Narrow(lower * scale, upper * scale).Store(v + i);
        }

        return norm;
    }

    /// <summary>du becomes (du - u (u . du)) / |v| for u = v / |v|; zero where v is zero.</summary>
    public static void NormalizeBackward(float* du, float* u, double norm, int padded)
    {
        var along = Vector512.Create(-Dot(u, du, padded));
        var scale = Vector512.Create((float)(norm == 0 ? 0 : 1 / Math.Max(norm, TinyNorm)));
        for (int i = 0; i < padded; i += Lanes)
        {
            (scale * Vector512.FusedMultiplyAdd(Vector512.Load(u + i), along, Vector512.Load(du + i))).Store(du + i);
        }
    }

    /// <summary>target = lambda a + (1 - lambda) b.</summary>
    public static void Mix(float* lambda, float* a, float* b, float* target, int padded)
    {
        for (int i = 0; i < padded; i += Lanes)
        {
            Vector512<float> weight = Vector512.Load(lambda + i);
            Vector512.FusedMultiplyAdd(
                weight, Vector512.Load(a + i), (Vector512<float>.One - weight) * Vector512.Load(b + i)).Store(target + i);
        }
    }

    /// <summary>target = lambda a + (1 - lambda) b.</summary>
    public static void Mix(float lambda, float* a, float* b, float* target, int padded)
    {
        Vector512<float> weight = Vector512.Create(lambda), rest = Vector512.Create(1 - lambda);
        for (int i = 0; i < padded; i += Lanes)
        {
            Vector512.FusedMultiplyAdd(weight, Vector512.Load(a + i), rest * Vector512.Load(b + i)).Store(target + i);
        }
    }
}
