using System.Runtime.Intrinsics;

namespace FeatureTransform.Training.Devices.Cpu;

/// <summary>
/// One group of rows (a virtual device of shuffle-BN, or the whole batch) of a batch normalisation with its neighbours
/// fused in: add of a shortcut and ReLU. All activations are Rows x C, C a multiple of 16; all vectors have C entries.
/// </summary>
internal unsafe struct BatchNormJob
{
    public const int RowsTimesChannelsPerChunk = 1 << 16;
    public const int Lanes = 16;

    public long Rows;
    public int C;
    public bool Relu;
    public bool Streams;     // whether the affine passes, in fp32, write past the caches
    public void* X;          // input of the normalisation
    public void* Y;          // output; forward: written, backward: read for the mask of the ReLU
    public void* Shortcut;   // forward: added before the ReLU, or null
    public void* Gradient;   // backward: dL/dY; replaced by dL/d(Y before ReLU), which is the shortcut's gradient
    public void* Gradient2;  // backward: a second summand of dL/dY, or null
    public void* InputGradient;
    public float* Mean;      // backward: the group's mean
    public double* First;    // partial sums, chunk x C: in double, as a mean near 0 is the sum of large terms
    public double* Second;
    public float* A;         // coefficients of the affine passes
    public float* B;
    public float* D;

    public readonly long RowsPerChunk => Math.Max(1, RowsTimesChannelsPerChunk / C);

    public readonly int Chunks => (int)((Rows + RowsPerChunk - 1) / RowsPerChunk);

    public readonly (long Begin, long End) RowsOf(int chunk) =>
        (chunk * RowsPerChunk, Math.Min(Rows, (chunk + 1) * RowsPerChunk));
}

/// <summary>The passes of batch normalisation over memory, one element type at a time. Each handles one chunk of rows.</summary>
internal static unsafe class BatchNormKernels<T>
    where T : struct, ILanes
{
    /// <summary>First, Second [chunk] = sums over the chunk's rows of x and of its square.</summary>
    public static void Sums(int chunk, void* context)
    {
        BatchNormJob job = *(BatchNormJob*)context;
        (long begin, long end) = job.RowsOf(chunk);
        for (int c = 0; c < job.C; c += BatchNormJob.Lanes)
        {
            Vector512<double> sumLow = default, sumHigh = default, squareLow = default, squareHigh = default;
            for (long row = begin; row < end; row++)
            {
                (Vector512<double> low, Vector512<double> high) = Vector512.Widen(T.Load(job.X, (row * job.C) + c));
                sumLow += low;
                sumHigh += high;
                squareLow = Vector512.FusedMultiplyAdd(low, low, squareLow);
                squareHigh = Vector512.FusedMultiplyAdd(high, high, squareHigh);
            }

            Store(sumLow, sumHigh, job.First + ((long)chunk * job.C) + c);
            Store(squareLow, squareHigh, job.Second + ((long)chunk * job.C) + c);
        }
    }

    /// <summary>y = relu(a x + b + shortcut); may run in place.</summary>
    public static void Apply(int chunk, void* context)
    {
        BatchNormJob job = *(BatchNormJob*)context;
        (long begin, long end) = job.RowsOf(chunk);
        Vector512<float> floor = job.Relu ? Vector512<float>.Zero : Vector512.Create(float.NegativeInfinity);
        for (long row = begin; row < end; row++)
        {
            for (int c = 0; c < job.C; c += BatchNormJob.Lanes)
            {
                long index = (row * job.C) + c;
                Vector512<float> y = Vector512.FusedMultiplyAdd(
                    T.Load(job.X, index), Vector512.Load(job.A + c), Vector512.Load(job.B + c));
                if (job.Shortcut != null)
                {
                    y += T.Load(job.Shortcut, index);
                }

                y = Vector512.Max(y, floor);
                if (job.Streams)
                {
                    y.StoreAlignedNonTemporal((float*)job.Y + index);
                }
                else
                {
                    T.Store(y, job.Y, index);
                }
            }
        }

        Thread.MemoryBarrier(); // streamed stores are not ordered with others
    }

    /// <summary>Gradient = (gradient + gradient2) where y > 0; First, Second = sums of it and of it times x - mean.</summary>
    public static void BackwardSums(int chunk, void* context)
    {
        BatchNormJob job = *(BatchNormJob*)context;
        (long begin, long end) = job.RowsOf(chunk);
        for (int c = 0; c < job.C; c += BatchNormJob.Lanes)
        {
            Vector512<float> mean = Vector512.Load(job.Mean + c);
            Vector512<double> sumLow = default, sumHigh = default, productLow = default, productHigh = default;
            for (long row = begin; row < end; row++)
            {
                long index = (row * job.C) + c;
                Vector512<float> gradient = T.Load(job.Gradient, index);
                if (job.Gradient2 != null)
                {
                    gradient += T.Load(job.Gradient2, index);
                }

                if (job.Relu)
                {
                    // Not (y <= 0), so that a NaN is passed on.
                    gradient = Vector512.ConditionalSelect(
                        Vector512.LessThanOrEqual(T.Load(job.Y, index), Vector512<float>.Zero), Vector512<float>.Zero, gradient);
                }

                T.Store(gradient, job.Gradient, index);
                (Vector512<double> low, Vector512<double> high) = Vector512.Widen(gradient);
                sumLow += low;
                sumHigh += high;
                (low, high) = Vector512.Widen(gradient * (T.Load(job.X, index) - mean));
                productLow += low;
                productHigh += high;
            }

            Store(sumLow, sumHigh, job.First + ((long)chunk * job.C) + c);
            Store(productLow, productHigh, job.Second + ((long)chunk * job.C) + c);
        }
    }

    /// <summary>Input gradient = a gradient + b x + d.</summary>
    public static void BackwardApply(int chunk, void* context)
    {
        BatchNormJob job = *(BatchNormJob*)context;
        (long begin, long end) = job.RowsOf(chunk);
        for (long row = begin; row < end; row++)
        {
            for (int c = 0; c < job.C; c += BatchNormJob.Lanes)
            {
                long index = (row * job.C) + c;
                Vector512<float> constant = Vector512.FusedMultiplyAdd(
                    T.Load(job.X, index), Vector512.Load(job.B + c), Vector512.Load(job.D + c));
                Vector512<float> gradient = Vector512.FusedMultiplyAdd(T.Load(job.Gradient, index), Vector512.Load(job.A + c), constant);
                if (job.Streams)
                {
                    gradient.StoreAlignedNonTemporal((float*)job.InputGradient + index);
                }
                else
                {
                    T.Store(gradient, job.InputGradient, index);
                }
            }
        }

        Thread.MemoryBarrier();
    }

    private static void Store(Vector512<double> low, Vector512<double> high, double* target)
    {
        low.Store(target);
        high.Store(target + Vector512<double>.Count);
    }
}
