using System.Runtime.InteropServices;
using FeatureTransform.Native;

namespace FeatureTransform.Training.Devices.Cpu;

/// <summary>Batch normalisation, group by group; sums of chunks are combined in double and in fixed order.</summary>
internal sealed unsafe partial class CpuDevice
{
    private const nint Alignment = 64;
    private const long LargeBytes = 16 << 20;

    private double* scratch;
    private long scratchCount;

    public Tensor BatchNorm(
        Tensor x, Tensor shortcut, ParameterStore store, NormParameters norm, bool relu, int groups, out Tensor statistics)
    {
        if (x.N % groups != 0)
        {
            throw new ArgumentException($"A batch of {x.N} cannot be split into {groups} equal groups.", nameof(groups));
        }

        var cpu = (CpuParameterStore)store;
        Tensor y = Empty(type, x.N, x.H, x.W, x.C);
        statistics = Empty(ElementType.Float32, groups, 1, 1, 2 * x.C);
        for (int group = 0; group < groups; group++)
        {
            BatchNormJob job = Job(x, group, groups, relu);
            job.Y = At(y, group, groups);
            job.Shortcut = shortcut.Exists ? At(shortcut, group, groups) : null;
            float* mean = (float*)statistics.Data + ((long)group * 2 * x.C), inverse = mean + x.C;
            Run(&BatchNormKernels<Float32Lanes>.Sums, &BatchNormKernels<BFloat16Lanes>.Sums, ref job);
            float* runningMean = cpu.Buffers + norm.RunningMean.Offset, runningVariance = cpu.Buffers + norm.RunningVariance.Offset;
            for (int c = 0; c < x.C; c++)
            {
                (double sum, double square) = Combine(job, c);
                double average = sum / job.Rows, variance = Math.Max(0, (square / job.Rows) - (average * average));
                mean[c] = (float)average;
                inverse[c] = (float)(1 / Math.Sqrt(variance + NormParameters.Epsilon));
                job.A[c] = cpu.Weights[norm.Weight.Offset + c] * inverse[c];
                job.B[c] = cpu.Weights[norm.Bias.Offset + c] - (mean[c] * job.A[c]);
                if (group == 0)
                {
                    double unbiased = variance * job.Rows / Math.Max(1, job.Rows - 1);
                    runningMean[c] += NormParameters.RunningShare * (mean[c] - runningMean[c]);
                    runningVariance[c] += NormParameters.RunningShare * ((float)unbiased - runningVariance[c]);
                }
            }

            job.Streams = IsLarge(y);
            Run(&BatchNormKernels<Float32Lanes>.Apply, &BatchNormKernels<BFloat16Lanes>.Apply, ref job);
        }

        return y;
    }

    public Tensor BatchNormInference(Tensor x, Tensor shortcut, ParameterStore store, NormParameters norm, bool relu)
    {
        var cpu = (CpuParameterStore)store;
        BatchNormJob job = Job(x, 0, 1, relu);
        job.Y = job.X;
        job.Shortcut = shortcut.Exists ? (void*)shortcut.Data : null;
        for (int c = 0; c < x.C; c++)
        {
            float inverse = (float)(1 / Math.Sqrt(cpu.Buffers[norm.RunningVariance.Offset + c] + (double)NormParameters.Epsilon));
            job.A[c] = cpu.Weights[norm.Weight.Offset + c] * inverse;
            job.B[c] = cpu.Weights[norm.Bias.Offset + c] - (cpu.Buffers[norm.RunningMean.Offset + c] * job.A[c]);
        }

        Run(&BatchNormKernels<Float32Lanes>.Apply, &BatchNormKernels<BFloat16Lanes>.Apply, ref job);
        return x;
    }

    public Tensor BatchNormBackward(
        ref Tensor dy, Tensor dy2, Tensor x, Tensor y, ParameterStore store, NormParameters norm, bool shortcut, bool relu, int groups,
        Tensor statistics)
    {
        var cpu = (CpuParameterStore)store;
        Tensor dx = Empty(type, x.N, x.H, x.W, x.C);
        float* weightGradient = cpu.Gradient + norm.Weight.Offset, biasGradient = cpu.Gradient + norm.Bias.Offset;
        new Span<float>(weightGradient, x.C).Clear();
        new Span<float>(biasGradient, x.C).Clear();
        for (int group = 0; group < groups; group++)
        {
            BatchNormJob job = Job(x, group, groups, relu);
            job.Y = At(y, group, groups);
            job.Gradient = At(dy, group, groups);
            job.Gradient2 = dy2.Exists ? At(dy2, group, groups) : null;
            job.InputGradient = At(dx, group, groups);
            float* mean = (float*)statistics.Data + ((long)group * 2 * x.C), inverse = mean + x.C;
            job.Mean = mean;
            Run(&BatchNormKernels<Float32Lanes>.BackwardSums, &BatchNormKernels<BFloat16Lanes>.BackwardSums, ref job);
            for (int c = 0; c < x.C; c++)
            {
                // dx = w / dev (dy - mean(dy) - x^ mean(dy x^)), x^ = (x - mean) / dev, as a dy + b x + d.
                (double sum, double product) = Combine(job, c);
                weightGradient[c] += (float)(product * inverse[c]);
                biasGradient[c] += (float)sum;
                double a = (double)cpu.Weights[norm.Weight.Offset + c] * inverse[c];
                double b = -a * inverse[c] * inverse[c] * product / job.Rows;
                (job.A[c], job.B[c], job.D[c]) = ((float)a, (float)b, (float)((-a * sum / job.Rows) - (b * mean[c])));
            }

            job.Streams = IsLarge(dx);
            Run(&BatchNormKernels<Float32Lanes>.BackwardApply, &BatchNormKernels<BFloat16Lanes>.BackwardApply, ref job);
        }

        return dx;
    }

    // Too large to be found in a cache when it is read: written past them, it need not be fetched first. In bf16 it gains nothing.
    private static bool IsLarge(Tensor tensor) =>
        tensor.Type == ElementType.Float32 && tensor.Data % Alignment == 0 && tensor.Count * sizeof(float) >= LargeBytes;

    private static void* At(Tensor tensor, int group, int groups) =>
        (byte*)tensor.Data + (tensor.Count / groups * group * (tensor.Type == ElementType.Float32 ? sizeof(float) : sizeof(ushort)));

    private static (double First, double Second) Combine(in BatchNormJob job, int c)
    {
        double first = 0, second = 0;
        for (long chunk = 0; chunk < job.Chunks; chunk++)
        {
            first += job.First[(chunk * job.C) + c];
            second += job.Second[(chunk * job.C) + c];
        }

        return (first, second);
    }

    /// <summary>A job over one group of x, with its scratch vectors laid out.</summary>
    private BatchNormJob Job(Tensor x, int group, int groups, bool relu)
    {
        if (x.C % BatchNormJob.Lanes != 0)
        {
            throw new ArgumentException($"Batch normalisation needs a multiple of {BatchNormJob.Lanes} channels; given {x.C}.", nameof(x));
        }

        var job = new BatchNormJob { Rows = x.Pixels / groups, C = x.C, Relu = relu, X = At(x, group, groups) };
        long count = ((2L * job.Chunks) + 2) * x.C;
        if (count > scratchCount)
        {
            NativeMemory.AlignedFree(scratch);
            scratch = (double*)NativeMemory.AlignedAlloc((nuint)count * sizeof(double), 64);
            scratchCount = count;
        }

        job.First = scratch;
        job.Second = job.First + ((long)job.Chunks * x.C);
        job.A = (float*)(job.Second + ((long)job.Chunks * x.C));
        job.B = job.A + x.C;
        job.D = job.B + x.C;
        return job;
    }

    private void Run(delegate*<int, void*, void> float32, delegate*<int, void*, void> bfloat16, ref BatchNormJob job) =>
        CpuParallel.For(job.Chunks, type == ElementType.Float32 ? float32 : bfloat16, ref job);
}
