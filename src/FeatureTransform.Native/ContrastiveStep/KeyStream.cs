namespace FeatureTransform.Native;

/// <summary>
/// The pass: prepare panels of queries, stream the keys past them, finish the panels; each part over all threads. The blocks
/// of keys are cut into splits, by N, C and K alone; an item of work is one split and a group of panels, so that mixed
/// negatives are made once for a group. Groups do not touch the bits of a result: their number may follow the threads'.
/// </summary>
internal sealed unsafe class KeyStream : IDisposable
{
    // What the gradients of all splits may take, beyond that of two: memory against items for the threads.
    private const long SplitFloats = 5 << 17;
    private const int FewestSplits = 2, MostSplits = 8, ItemsPerThread = 4;

    private readonly StepSettings step;
    private readonly StreamKernels kernels;
    private readonly int c, width, gradientFloats, keysPerBlock;
    private readonly AlignedBuffer memory;
    private readonly Panel[] panels; // split after split
    private readonly float[] largestNorm;
    private readonly StreamScratch[] workers;
    private readonly WorkQueue work;
    private Phase phase;
    private int count, splits, groups, blocks;
    private bool running;

    private enum Phase
    {
        Prepare,
        Accumulate,
        Finish,
    }

    public KeyStream(StepSettings step, int maxN, int threads, StreamKernels kernels)
    {
        (this.step, this.kernels, c, width) = (step, kernels, step.C, kernels.Width);
        keysPerBlock = NegativeBlock.KeysOf(c);
        gradientFloats = (c + StreamKernels.Padding) * width;
        int most = PanelsOf(maxN), slots = 0;
        for (int n = 1; n <= most; n++)
        {
            slots = Math.Max(slots, n * SplitsOf(n));
        }

        // Vectors of a slot: shift, rank and three sums of doubles.
        const int vectors = 2 + (2 * 3);
        memory = new AlignedBuffer(((long)most * (c + 1) * width) + ((long)slots * (gradientFloats + (vectors * width))));
        panels = new Panel[slots];
        largestNorm = new float[most];
        workers = [.. Enumerable.Range(0, threads).Select(_ => new StreamScratch(c, keysPerBlock, width))];
        work = new WorkQueue(threads, Execute);
    }

    /// <summary>Memory beyond inputs and outputs, in bytes.</summary>
    public long Bytes => 4L * (memory.Length + workers.Sum(worker => (long)worker.Floats));

    /// <summary>Fills all scratch memory; for tests that nothing stale is read.</summary>
    public void Poison(float value)
    {
        new Span<float>(memory.Pointer, memory.Length).Fill(value);
        foreach (StreamScratch worker in workers)
        {
            worker.Poison(value);
        }
    }

    /// <summary>Runs the step that the settings describe.</summary>
    /// <param name="largestKey">No row of the queue is longer; NaN where one holds NaN.</param>
    public void Run(float largestKey)
    {
        count = PanelsOf(step.N);
        blocks = (step.K + keysPerBlock - 1) / keysPerBlock;
        int allBlocks = step.MixNegative && step.Original ? 2 * blocks : blocks;
        splits = Math.Min(SplitsOf(count), allBlocks);
        groups = Math.Min(count, ((ItemsPerThread * work.Threads) + splits - 1) / splits);
        Place();
        Do(Phase.Prepare, count);
        running = !IsSafe(largestKey);
        Do(Phase.Accumulate, splits * groups);
        Do(Phase.Finish, count);
    }

    public void Dispose() => work.Dispose();

    private int PanelsOf(int n) => (n + width - 1) / width;

    // Lanes of a panel differ between processors: the split counts rows in sixteens, which all of them share.
    private int SplitsOf(int panelCount)
    {
        long rows = (((long)panelCount * width) + 63) / 64 * 64;
        return (int)Math.Clamp(SplitFloats / (rows * RowMath.Padded(c)), FewestSplits, MostSplits);
    }

    private void Place()
    {
        float* next = memory.Pointer;
        float* queries = Take(ref next, (long)count * c * width), positive = Take(ref next, (long)count * width);
        for (int i = 0; i < splits * count; i++)
        {
            int panel = i % count;
            panels[i] = new Panel
            {
                Queries = queries + ((nint)panel * c * width),
                Positive = positive + ((nint)panel * width),
                Gradient = Take(ref next, gradientFloats),
                Shift = Take(ref next, width),
                Rank = Take(ref next, width),
                Score = (double*)Take(ref next, 2 * width),
                Square = (double*)Take(ref next, 2 * width),
                Exp = (double*)Take(ref next, 2 * width),
            };
        }
    }

    private static float* Take(ref float* next, long floats)
    {
        float* start = next;
        next += floats;
        return start;
    }

    private void Do(Phase next, int items)
    {
        phase = next;
        work.Run(items);
    }

    private void Execute(int item, int thread)
    {
        StreamScratch worker = workers[thread];
        switch (phase)
        {
            case Phase.Prepare:
                Prepare(item, worker.Pair);
                break;
            case Phase.Accumulate:
                Accumulate(item / groups, item % groups, worker);
                break;
            default:
                Finish(item, worker.Pair);
                break;
        }
    }

    // Queries along the lanes; lanes without a row hold zeros.
    private void Prepare(int index, PositivePair pair)
    {
        Panel panel = panels[index];
        float largest = 0;
        for (int lane = 0; lane < width; lane++)
        {
            int row = (index * width) + lane;
            if (row < step.N)
            {
                pair.Load(step, row);
                new ReadOnlySpan<float>(pair.Key, c).CopyTo(new Span<float>(step.Keys + ((nint)row * c), c));
                largest = MathF.Max(largest, (float)RowMath.Norm(pair.Query, RowMath.Padded(c)));
            }

            panel.Positive[lane] = row < step.N ? pair.Score : 0;
            for (int channel = 0; channel < c; channel++)
            {
                panel.Queries[(channel * width) + lane] = row < step.N ? pair.Query[channel] : 0;
            }
        }

        largestNorm[index] = largest;
    }

    // |s| is at most |q^| |z^|, and an elementwise mix is at most sqrt 2 longer than its parts. 2^(s scale), and the sum of all
    // of them, must be a normal float. False for NaN.
    private bool IsSafe(float largestKey)
    {
        FeatureTransformOptions options = step.Options;
        double key = largestKey;
        if (step.MixNegative)
        {
            double mixed = options.NegativeNormalize ? 1 : options.NegativeScope == LambdaScope.Element ? key * Math.Sqrt(2) : key;
            key = step.Original ? Math.Max(key, mixed) : mixed;
        }

        double query = 0;
        for (int i = 0; i < count; i++)
        {
            query = Math.Max(query, largestNorm[i]);
        }

        const double exponents = 125.5;
        return (query * key * step.Scale.High * 1.0001) + Math.Log2(step.Negatives) < exponents;
    }

    private void Accumulate(int split, int group, StreamScratch worker)
    {
        int firstPanel = group * count / groups, lastPanel = (group + 1) * count / groups;
        int total = step.MixNegative && step.Original ? 2 * blocks : blocks;
        int firstBlock = (int)((long)split * total / splits), lastBlock = (int)((long)(split + 1) * total / splits);
        ReadOnlySpan<Panel> own = panels.AsSpan((split * count) + firstPanel, lastPanel - firstPanel);
        foreach (ref readonly Panel panel in own)
        {
            kernels.Begin(panel, running, step.Scale);
        }

        for (int block = firstBlock; block < lastBlock; block++)
        {
            NegativeBlock negatives = worker.Negatives;
            (int firstKey, int keys) = KeysOf(block);
            negatives.Fill(step, firstKey, keys, IsMixed(block));
            int ahead = 0;
            if (block + 1 < lastBlock && IsMixed(block + 1))
            {
                (int next, ahead) = KeysOf(block + 1);
                negatives.Announce(step, next, ahead);
            }

            for (int i = 0; i < own.Length; i++)
            {
                negatives.Fetch(step, i * ahead / own.Length, (i + 1) * ahead / own.Length);
                kernels.Accumulate(
                    own[i], negatives.Rows, negatives.Stride, keys, c, worker.Tile, block == firstBlock, running, step.Scale);
            }
        }
    }

    // Mixed blocks come first.
    private bool IsMixed(int block) => step.MixNegative && block < blocks;

    private (int First, int Count) KeysOf(int block)
    {
        int first = block % blocks * keysPerBlock;
        return (first, Math.Min(keysPerBlock, step.K - first));
    }

    // Equations 3.5 to 3.7, and the gradient.
    private void Finish(int index, PositivePair pair)
    {
        // The parts of one panel lie a panel count apart.
        Span<Panel> parts = stackalloc Panel[MostSplits];
        for (int split = 0; split < splits; split++)
        {
            parts[split] = panels[(split * count) + index];
        }

        kernels.Combine(parts[..splits], c);
        Panel panel = parts[0];
        RowStatistics statistics = step.Statistics;
        float tau = step.Options.Tau;
        double scale = (double)step.Scale.High + step.Scale.Low;
        for (int lane = 0, row = index * width; lane < width && row < step.N; lane++, row++)
        {
            pair.Load(step, row);
            double score = pair.Score, shift = panel.Positive[lane], exp = panel.Exp[lane], negatives = step.Negatives;
            double positive = double.Exp2((score * scale) - shift), all = positive + exp, mean = panel.Score[lane] / negatives;

            // A score of -infinity would vanish in the exponentials: seen in the sum, it becomes NaN.
            double loss = double.IsFinite(panel.Score[lane]) ? ((Math.Log2(all) + shift) / Math.Log2(Math.E)) - (score / tau) : double.NaN;
            statistics.Loss[row] = (float)loss;
            statistics.PositiveScore[row] = pair.Score;
            statistics.NegativeMean[row] = (float)mean;
            statistics.NegativeVariance[row] = (float)((panel.Square[lane] - (negatives * mean * mean)) / (negatives - 1));
            statistics.PositiveExp[row] = (float)Math.Exp(score / tau);
            statistics.NegativeExp[row] = (float)(exp / negatives * double.Exp2(shift));
            statistics.Rank[row] = ((int*)panel.Rank)[lane];
            for (int channel = 0; channel < c; channel++)
            {
                pair.Gradient[channel] = panel.Gradient[(channel * width) + lane];
            }

            pair.Backward(1 / (tau * step.N), (float)(-exp / all), (float)(1 / all));
            new ReadOnlySpan<float>(pair.Gradient, c).CopyTo(new Span<float>(step.DqRaw + ((nint)row * c), c));
        }
    }
}
