using System.Runtime.Intrinsics;
using FeatureTransform.Native;

namespace FeatureTransform.Training.Devices.Cpu;

/// <summary>Single passes over whole parameter arrays and activations. Counts of parameter arrays are multiples of 16.</summary>
internal static unsafe class ElementwiseKernels
{
    private const int Lanes = 16;
    private const long Chunk = 1 << 16;

    private struct Job
    {
        public long Count;
        public float* A;
        public float* B;
        public float* D;
        public ushort* Half;
        public float P;
        public float Q;
        public float R;
    }

    /// <summary>target = m target + (1 - m) source.</summary>
    public static void Ema(float* target, float* source, ushort* half, long count, float m)
    {
        var job = new Job { Count = count, A = target, B = source, Half = half, P = m, Q = 1 - m };
        CpuParallel.For(Chunks(count), &EmaChunk, ref job);
    }

    /// <summary>g += decay w; v = momentum v + g; w -= lr v.</summary>
    public static void Sgd(
        float* weights, float* gradient, float* velocity, ushort* half, long count, float learningRate, float momentum, float decay)
    {
        var job = new Job
        {
            Count = count,
            A = weights,
            B = gradient,
            D = velocity,
            Half = half,
            P = learningRate,
            Q = momentum,
            R = decay,
        };
        CpuParallel.For(Chunks(count), &SgdChunk, ref job);
    }

    /// <summary>fp32 to bf16, rounded to nearest even.</summary>
    public static void Cast(float* source, ushort* target, long count)
    {
        var job = new Job { Count = count, A = source, Half = target };
        CpuParallel.For(Chunks(count), &CastChunk, ref job);
    }

    private static int Chunks(long count) => (int)((count + Chunk - 1) / Chunk);

    private static void EmaChunk(int chunk, void* context)
    {
        Job job = *(Job*)context;
        Vector512<float> m = Vector512.Create(job.P), rest = Vector512.Create(job.Q);
        long end = Math.Min(job.Count, (chunk + 1) * Chunk);
        for (long i = chunk * Chunk; i < end; i += Lanes)
        {
            Vector512<float> value = (m * Vector512.Load(job.A + i)) + (rest * Vector512.Load(job.B + i));
            value.Store(job.A + i);
            if (job.Half != null)
            {
                BFloat16Lanes.Store(value, job.Half, i);
            }
        }
    }

    private static void SgdChunk(int chunk, void* context)
    {
        Job job = *(Job*)context;
        Vector512<float> rate = Vector512.Create(job.P), momentum = Vector512.Create(job.Q), decay = Vector512.Create(job.R);
        long end = Math.Min(job.Count, (chunk + 1) * Chunk);
        for (long i = chunk * Chunk; i < end; i += Lanes)
        {
            Vector512<float> weight = Vector512.Load(job.A + i);
            Vector512<float> gradient = Vector512.Load(job.B + i) + (decay * weight);
            Vector512<float> velocity = (momentum * Vector512.Load(job.D + i)) + gradient;
            velocity.Store(job.D + i);
            weight -= rate * velocity;
            weight.Store(job.A + i);
            if (job.Half != null)
            {
                BFloat16Lanes.Store(weight, job.Half, i);
            }
        }
    }

    private static void CastChunk(int chunk, void* context)
    {
        Job job = *(Job*)context;
        long first = chunk * Chunk;
        BFloat16.Round(job.A + first, job.Half + first, Math.Min(Chunk, job.Count - first));
    }
}
