using System.Runtime.Intrinsics;

namespace FeatureTransform.Native;

/// <summary>
/// Sixteen query rows on their way over the queue: normalise and mix the pairs, then block after block of 64 negatives:
/// mix, logits, running maximum, exp, sums, O += P Z^; at the end loss, statistics and gradient. Vectors are padded with
/// zeros to a multiple of 16 channels.
/// </summary>
internal sealed unsafe class RowBlock
{
    public const int Rows = 16;
    private const int Keys = 64, Lanes = ContrastiveStep.Lanes;
    private const float TinyNorm = 1e-12f;

    private readonly ContrastiveStep owner;
    private readonly FeatureTransformOptions options;
    private readonly int c, padded;
    private readonly float[] q, k, mixedQ, mixedK, lambda, sum, z;
    private readonly float[] normQ = new float[Rows], mixedNormQ = new float[Rows], mixedNormK = new float[Rows];
    private readonly RowSums[] sums = new RowSums[Rows];
    private readonly float[] scores = new float[Keys];

    private float* qRaw, kRaw, gradient, keys;
    private int first, count, n;
    private FeatureQueue queue = null!;
    private RowStatistics statistics = null!;
    private Permutation permutation;
    private uint step;
    private bool transform;

    private struct RowSums
    {
        public float Positive, Maximum;
        public double Score, Square, Exp;
        public int Rank;
    }

    public RowBlock(ContrastiveStep owner)
    {
        (this.owner, options, c) = (owner, owner.Options, owner.C);
        padded = (c + Lanes - 1) / Lanes * Lanes;
        q = Allocate(Rows);
        k = Allocate(Rows);
        mixedQ = Allocate(Rows);
        mixedK = Allocate(Rows);
        lambda = Allocate(Rows);
        sum = Allocate(Rows);
        z = Allocate(Keys);
    }

    public void Prepare(
        float* qRaw, float* kRaw, float* gradient, float* keys, int first, int count, int n,
        FeatureQueue queue, uint step, bool transform, in Permutation permutation, RowStatistics statistics)
    {
        (this.first, this.count, this.n, this.queue, this.step, this.transform, this.statistics) =
            (first, count, n, queue, step, transform, statistics);
        this.qRaw = qRaw;
        this.kRaw = kRaw;
        this.gradient = gradient;
        this.keys = keys;
        this.permutation = permutation;
    }

    public void Run()
    {
        for (int row = 0; row < count; row++)
        {
            MixPositive(row);
        }

        Array.Clear(sum);
        bool mix = transform && options.Negative != NegativeTransform.None;
        if (mix)
        {
            Stream(mixed: true);
        }

        if (!mix || options.Negative == NegativeTransform.Extend)
        {
            Stream(mixed: false);
        }

        long negatives = mix && options.Negative == NegativeTransform.Extend ? 2L * queue.K : queue.K;
        for (int row = 0; row < count; row++)
        {
            Finish(row, negatives);
        }
    }

    private float[] Allocate(int rows) => new float[rows * padded];

    private Span<float> Row(float[] matrix, int row) => matrix.AsSpan(row * padded, padded);

    // Equations 3.1 and 3.2: unit q and k, lambda, q^ = lambda q + (1 - lambda) k, k^ = lambda k + (1 - lambda) q.
    private void MixPositive(int row)
    {
        Span<float> unitQ = Row(q, row), unitK = Row(k, row), hatQ = Row(mixedQ, row), hatK = Row(mixedK, row);
        Span<float> weights = Row(lambda, row);
        new ReadOnlySpan<float>(qRaw + ((long)row * c), c).CopyTo(unitQ);
        new ReadOnlySpan<float>(kRaw + ((long)row * c), c).CopyTo(unitK);
        normQ[row] = Normalize(unitQ);
        _ = Normalize(unitK);
        unitK[..c].CopyTo(new Span<float>(keys + ((long)row * c), c));
        bool mix = transform && options.Positive != PositiveTransform.None;
        float shift = options.Positive == PositiveTransform.Extrapolation ? 1 : 0;
        for (int i = 0; i < c; i++)
        {
            weights[i] = mix ? shift + Draw(owner.PositiveQuantile!, RandomUse.PositiveLambda, options.PositiveScope, first + row, i) : 1;
            hatQ[i] = (weights[i] * unitQ[i]) + ((1 - weights[i]) * unitK[i]);
            hatK[i] = (weights[i] * unitK[i]) + ((1 - weights[i]) * unitQ[i]);
        }

        bool normalize = mix && options.PositiveNormalize;
        mixedNormQ[row] = normalize ? Normalize(hatQ) : 0;
        mixedNormK[row] = normalize ? Normalize(hatK) : 0;
        float score = Dot(hatQ, hatK);
        sums[row] = new RowSums { Positive = score, Maximum = score / options.Tau };
    }

    private float Draw(BetaQuantile quantile, RandomUse use, LambdaScope scope, int row, int channel) =>
        quantile.Draw(options, step, use, scope switch
        {
            LambdaScope.Batch => 0,
            LambdaScope.Row => (ulong)row * 4, // word 0 of index row
            _ => ((ulong)row * (ulong)c) + (ulong)channel,
        });

    private void Stream(bool mixed)
    {
        for (int begin = 0; begin < queue.K; begin += Keys)
        {
            int width = Math.Min(Keys, queue.K - begin);
            for (int j = 0; j < width; j++)
            {
                Fill(Row(z, j), begin + j, mixed);
            }

            for (int row = 0; row < count; row++)
            {
                Accumulate(row, width);
            }
        }
    }

    // Equation 3.3: z^_j = lambda z_j + (1 - lambda) z_pi(j).
    private void Fill(Span<float> target, int j, bool mixed)
    {
        int partner = mixed ? permutation[j] : j;
        float weight = 1;
        for (int i = 0; i < c; i++)
        {
            if (mixed && (i == 0 || options.NegativeScope == LambdaScope.Element))
            {
                weight = Draw(owner.NegativeQuantile!, RandomUse.NegativeLambda, options.NegativeScope, j, i);
            }

            float value = Stored(j, i);
            target[i] = mixed ? (weight * value) + ((1 - weight) * Stored(partner, i)) : value;
        }

        if (mixed && options.NegativeNormalize)
        {
            _ = Normalize(target);
        }
    }

    private float Stored(int j, int channel) =>
        queue.Type == QueueType.Float32
            ? queue.Float32[(j * c) + channel]
            : BitConverter.UInt32BitsToSingle((uint)queue.BFloat16[(j * c) + channel] << 16);

    private void Accumulate(int row, int width)
    {
        ref RowSums s = ref sums[row];
        ReadOnlySpan<float> hatQ = Row(mixedQ, row);
        float maximum = s.Maximum;
        for (int j = 0; j < width; j++)
        {
            float score = Dot(hatQ, Row(z, j));
            scores[j] = score;
            s.Score += score;
            s.Square += (double)score * score;
            s.Rank += score > s.Positive ? 1 : 0;
            maximum = MathF.Max(maximum, score / options.Tau);
        }

        Span<float> total = Row(sum, row);
        if (maximum != s.Maximum)
        {
            float scale = MathF.Exp(s.Maximum - maximum);
            s.Exp *= scale;
            for (int i = 0; i < padded; i += Lanes)
            {
                (Vector512.Create<float>(total[i..]) * scale).CopyTo(total[i..]);
            }

            s.Maximum = maximum;
        }

        for (int j = 0; j < width; j++)
        {
            float weight = MathF.Exp((scores[j] / options.Tau) - maximum);
            s.Exp += weight;
            var factor = Vector512.Create(weight);
            ReadOnlySpan<float> key = Row(z, j);
            for (int i = 0; i < padded; i += Lanes)
            {
                Vector512.FusedMultiplyAdd(factor, Vector512.Create(key[i..]), Vector512.Create<float>(total[i..])).CopyTo(total[i..]);
            }
        }
    }

    // Equations 3.5 to 3.7 and back through 3.2 and 3.1.
    private void Finish(int row, long negatives)
    {
        RowSums s = sums[row];
        float tau = options.Tau;
        double positive = Math.Exp((s.Positive / tau) - s.Maximum), all = positive + s.Exp;
        int i = first + row;
        double mean = s.Score / negatives;
        statistics.Loss[i] = (float)(s.Maximum + Math.Log(all) - (s.Positive / tau));
        statistics.PositiveScore[i] = s.Positive;
        statistics.NegativeMean[i] = (float)mean;
        statistics.NegativeVariance[i] = (float)((s.Square - (negatives * mean * mean)) / (negatives - 1));
        statistics.PositiveExp[i] = MathF.Exp(s.Positive / tau);
        statistics.NegativeExp[i] = (float)(s.Exp / negatives * Math.Exp(s.Maximum));
        statistics.Rank[i] = s.Rank;

        // dL/dq^ = ((P+ - 1) k^ + sum_j P_j z^_j) / (tau N), dL/dk^ = (P+ - 1) q^ / (tau N).
        float scale = 1 / (tau * n), rest = (float)(-s.Exp / all), share = (float)(1 / all);
        Span<float> total = Row(sum, row), hatQ = Row(mixedQ, row), hatK = Row(mixedK, row);
        Span<float> unitQ = Row(q, row), weights = Row(lambda, row), keyGradient = Row(k, row);
        for (int channel = 0; channel < c; channel++)
        {
            total[channel] = scale * ((rest * hatK[channel]) + (share * total[channel]));
            keyGradient[channel] = scale * rest * hatQ[channel];
        }

        if (mixedNormQ[row] > 0)
        {
            NormalizeBackward(total, hatQ, mixedNormQ[row]);
            NormalizeBackward(keyGradient, hatK, mixedNormK[row]);
        }

        for (int channel = 0; channel < c; channel++)
        {
            total[channel] = (weights[channel] * total[channel]) + ((1 - weights[channel]) * keyGradient[channel]);
        }

        NormalizeBackward(total, unitQ, normQ[row]);
        total[..c].CopyTo(new Span<float>(gradient + ((long)row * c), c));
    }

    /// <summary>Divides by max(length, 1e-12); returns the length.</summary>
    private static float Normalize(Span<float> vector)
    {
        float norm = MathF.Sqrt(Dot(vector, vector));
        float scale = 1 / MathF.Max(norm, TinyNorm);
        foreach (ref float value in vector)
        {
            value *= scale;
        }

        return norm;
    }

    /// <summary>du becomes (du - u (u . du)) / |v| for u = v / |v|; zero where v is zero.</summary>
    private static void NormalizeBackward(Span<float> du, ReadOnlySpan<float> u, float norm)
    {
        float along = Dot(u, du), scale = norm == 0 ? 0 : 1 / MathF.Max(norm, TinyNorm);
        for (int i = 0; i < du.Length; i++)
        {
            du[i] = scale * (du[i] - (u[i] * along));
        }
    }

    private static float Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        Vector512<float> total = default;
        for (int i = 0; i < a.Length; i += Lanes)
        {
            total = Vector512.FusedMultiplyAdd(Vector512.Create(a[i..]), Vector512.Create(b[i..]), total);
        }

        return Vector512.Sum(total);
    }
}
