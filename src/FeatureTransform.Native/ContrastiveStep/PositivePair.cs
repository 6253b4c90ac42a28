namespace FeatureTransform.Native;

/// <summary>
/// One positive pair at a time, in a thread's own memory: unit q and k, lambda, q^ and k^, and the gradient back through
/// them. The pass does it twice for each row, before and after the queue, rather than keep N x C of everything.
/// </summary>
internal sealed unsafe class PositivePair
{
    private readonly int c, padded;
    private readonly float* q, k, lambda, hatQ, hatK, gradientK;
    private double normQ, mixedNormQ, mixedNormK;
    private bool normalized;

    public PositivePair(int c)
    {
        (this.c, padded) = (c, RowMath.Padded(c));
        Memory = new AlignedBuffer((7L * padded) + RowMath.Lanes + BetaDraws.Behind);
        q = Memory.Pointer;
        k = q + padded;
        hatQ = k + padded;
        hatK = hatQ + padded;
        gradientK = hatK + padded;
        Gradient = gradientK + padded;
        lambda = Gradient + padded + RowMath.Lanes;
    }

    /// <summary>All its memory.</summary>
    public AlignedBuffer Memory { get; }

    /// <summary>The mixed query, C.</summary>
    public float* Query => hatQ;

    /// <summary>The unit key, C.</summary>
    public float* Key => k;

    /// <summary>Room for sum_j P_j z^_j, C; <see cref="Backward"/> makes dL/dq_raw of it.</summary>
    public float* Gradient { get; }

    /// <summary>p = q^ . k^.</summary>
    public float Score { get; private set; }

    /// <summary>Equations 3.1 and 3.2: unit q and k, lambda, q^ = lambda q + (1 - lambda) k, k^ = lambda k + (1 - lambda) q.</summary>
    public void Load(StepSettings step, int row)
    {
        FeatureTransformOptions options = step.Options;
        RowMath.Copy(step.QRaw + ((nint)row * c), q, c);
        RowMath.Copy(step.KRaw + ((nint)row * c), k, c);
        normQ = RowMath.Normalize(q, padded);
        _ = RowMath.Normalize(k, padded);
        normalized = step.MixPositive && options.PositiveNormalize;
        if (step.MixPositive)
        {
            step.Draw(step.Positive!, RandomUse.PositiveLambda, options.PositiveScope, row, lambda);
        }

        float shift = options.Positive == PositiveTransform.Extrapolation ? 1 : 0;
        for (int i = 0; i < c; i++)
        {
            lambda[i] = step.MixPositive ? lambda[i] + shift : 1;
        }

        RowMath.ClearTail(lambda, c);
        RowMath.Mix(lambda, q, k, hatQ, padded);
        RowMath.Mix(lambda, k, q, hatK, padded);
        if (normalized)
        {
            mixedNormQ = RowMath.Normalize(hatQ, padded);
            mixedNormK = RowMath.Normalize(hatK, padded);
        }

        Score = RowMath.Dot(hatQ, hatK, padded);
    }

    /// <summary>
    /// Equation 3.6: dL/dq^ = ((P+ - 1) k^ + sum_j P_j z^_j) / (tau N) and dL/dk^ = (P+ - 1) q^ / (tau N), then back through
    /// 3.2 and 3.1.
    /// </summary>
    /// <param name="scale">1 / (tau N).</param>
    /// <param name="rest">P+ - 1.</param>
    /// <param name="share">What makes probabilities of the unscaled P_j.</param>
    public void Backward(float scale, float rest, float share)
    {
        for (int i = 0; i < c; i++)
        {
            Gradient[i] = scale * ((rest * hatK[i]) + (share * Gradient[i]));
            gradientK[i] = scale * rest * hatQ[i];
        }

        RowMath.ClearTail(Gradient, c);
        RowMath.ClearTail(gradientK, c);
        if (normalized)
        {
            RowMath.NormalizeBackward(Gradient, hatQ, mixedNormQ, padded);
            RowMath.NormalizeBackward(gradientK, hatK, mixedNormK, padded);
        }

        RowMath.Mix(lambda, Gradient, gradientK, Gradient, padded);
        RowMath.NormalizeBackward(Gradient, q, normQ, padded);
    }
}
