namespace FeatureTransform.Native;

/// <summary>
/// InfoNCE with feature transformation: from raw embeddings and the queue to loss, gradient and statistics in one streaming
/// pass over the queue (Zhu et al., ICCV 2021, section 4). No N x K array exists. The keys are split at fixed places and the
/// parts are combined in a fixed order, so that neither the number of threads nor the width of vectors changes a bit. Not
/// safe for use by two threads at once.
/// </summary>
public sealed class ContrastiveStep : IDisposable
{
    private readonly StepSettings settings;
    private readonly KeyStream stream;

    /// <summary>Prepares steps of up to <paramref name="maxN"/> rows; later calls of <see cref="Run"/> allocate nothing.</summary>
    /// <param name="options">Temperature and transformations.</param>
    /// <param name="maxN">Largest N, at least 1.</param>
    /// <param name="c">C, channels, at least 1.</param>
    /// <param name="threads">Threads; 0: one a core.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size, tau or an alpha in use is outside its range.</exception>
    public ContrastiveStep(FeatureTransformOptions options, int maxN, int c, int threads = 0)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxN, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(c, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        options.Validate();
        (Options, MaxN, C) = (options, maxN, c);
        settings = new StepSettings(options, c);
        stream = new KeyStream(settings, maxN, threads > 0 ? threads : Environment.ProcessorCount, StreamKernels.Best);
    }

    /// <summary>Temperature and transformations.</summary>
    public FeatureTransformOptions Options { get; }

    /// <summary>Largest N of a step.</summary>
    public int MaxN { get; }

    /// <summary>Channels.</summary>
    public int C { get; }

    /// <summary>The stream, for tests that fill its memory with rubbish and for figures of its size.</summary>
    internal KeyStream Stream => stream;

    /// <summary>Computes one step; keys and queue are detached.</summary>
    /// <param name="qRaw">Queries as the encoder gives them, N x C.</param>
    /// <param name="kRaw">Keys as the momentum encoder gives them, N x C.</param>
    /// <param name="queue">The negatives; not changed. Enqueue <paramref name="keys"/> after the step.</param>
    /// <param name="step">Step number: with the seed it determines every lambda and the permutation.</param>
    /// <param name="transform">False: plain InfoNCE (before the begin epoch).</param>
    /// <param name="dqRaw">Receives dL/dq_raw of the mean loss, N x C.</param>
    /// <param name="keys">Receives the unit keys, unmixed, N x C.</param>
    /// <param name="statistics">Receives the statistics of each row.</param>
    /// <returns>The mean loss; NaN where an input that counts for it holds NaN or infinity.</returns>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    public unsafe float Run(
        ReadOnlySpan<float> qRaw, ReadOnlySpan<float> kRaw, FeatureQueue queue, uint step, bool transform,
        Span<float> dqRaw, Span<float> keys, RowStatistics statistics)
    {
        ArgumentNullException.ThrowIfNull(queue);
        ArgumentNullException.ThrowIfNull(statistics);
        int n = qRaw.Length / C;
        if (n < 1 || n > MaxN || qRaw.Length != n * C)
        {
            throw new ArgumentException($"qRaw must be N x {C} floats with N in 1..{MaxN}; given {qRaw.Length} floats.", nameof(qRaw));
        }

        if (kRaw.Length != qRaw.Length || dqRaw.Length != qRaw.Length || keys.Length != qRaw.Length || statistics.Loss.Length < n)
        {
            throw new ArgumentException(
                $"kRaw, dqRaw and keys must have {qRaw.Length} floats and statistics {n} rows, as qRaw; given {kRaw.Length}, " +
                $"{dqRaw.Length}, {keys.Length} and {statistics.Loss.Length}.");
        }

        if (queue.C != C)
        {
            throw new ArgumentException($"queue must have {C} channels; given {queue.C}.", nameof(queue));
        }

        settings.Prepare(n, queue, step, transform, statistics);
        fixed (float* q = qRaw, k = kRaw, gradient = dqRaw, unit = keys, float32 = queue.Float32)
        {
            fixed (ushort* bfloat16 = queue.BFloat16)
            {
                settings.QRaw = q;
                settings.KRaw = k;
                settings.DqRaw = gradient;
                settings.Keys = unit;
                settings.Float32 = float32;
                settings.BFloat16 = bfloat16;
                stream.Run(queue.LargestNorm);
            }
        }

        double loss = 0;
        for (int i = 0; i < n; i++)
        {
            loss += statistics.Loss[i];
        }

        return (float)(loss / n);
    }

    /// <summary>Frees what the threads share.</summary>
    public void Dispose() => stream.Dispose();
}
